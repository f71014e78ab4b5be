"""Checks and their findings, read by whoever asks how it went."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.drift.check import MOST_FINDINGS, REPAIRED, Check, Finding, FindingPage
from cqrs.drift.estimate import Estimate
from cqrs.drift.tables import checks, findings
from cqrs.errors import NotFound
from cqrs.store.database import KEEP_PLAN, Database

LONGEST_PAGE = 200


class CheckReading:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, identity: str) -> Check:
        """Raises NotFound."""
        found = self._select(checks.c.id == identity, limit=1)
        if not found:
            raise NotFound(what="check", name=identity[:64])
        return found[0]

    def of_operation(self, operation: str) -> Check | None:
        return next(iter(self._select(checks.c.operation == operation, limit=1)), None)

    def page(
        self, *, projection: str | None = None, before: str | None = None, limit: int = 50, repairs: bool = True
    ) -> list[Check]:
        """The newest first; `before` is the id of the last one of the page before. Without `repairs`, the looks that
        repairs took at their own rows are left out."""
        conditions = [] if projection is None else [checks.c.projection == projection]
        conditions += [] if before is None else [checks.c.id < before]
        conditions += [] if repairs else [checks.c.level != REPAIRED]
        return self._select(*conditions, limit=min(limit, LONGEST_PAGE))

    def findings(self, identity: str, *, kind: str | None = None, after: int = 0, limit: int = 50) -> FindingPage:
        """In the order they were found."""
        f = findings.c
        asked = sa.select(findings).where(f.check == identity, f.n > after).order_by(f.n).limit(limit + 1)
        asked = asked if kind is None else asked.where(f.kind == kind)
        with self._database.read() as connection:
            rows = [_finding(row) for row in connection.execute(asked)]
        return FindingPage(rows[:limit], rows[limit - 1].n if len(rows) > limit else None)

    def standing(self, projection: str, reference: str) -> list[str]:
        """Keys that some check found to differ, and nobody has found right since; no more than MOST_FINDINGS."""
        f = findings.c
        mine = (f.projection == projection, f.reference == reference, f.resolved_by.is_(None))
        asked = sa.select(f.key).where(*mine).distinct().order_by(f.key).limit(MOST_FINDINGS)
        with self._database.glance() as connection:
            return list(connection.execute(asked).scalars())

    def keys_of(self, identity: str, only: Collection[int] | None = None) -> list[str]:
        """The keys of all stored findings that nobody has resolved, or of those with these numbers."""
        f = findings.c
        asked = sa.select(f.key).where(f.check == identity, f.resolved_by.is_(None)).order_by(f.n)
        asked = asked if only is None else asked.where(f.n.in_(only))
        with self._database.glance() as connection:
            return list(connection.execute(asked).scalars())

    def unresolved(self, identity: str, only: Collection[int] | None = None) -> list[Finding]:
        """The same, whole."""
        f = findings.c
        asked = sa.select(findings).where(f.check == identity, f.resolved_by.is_(None)).order_by(f.n)
        asked = asked if only is None else asked.where(f.n.in_(only))
        with self._database.read() as connection:
            return [_finding(row) for row in connection.execute(asked)]

    def _select(self, *conditions: sa.ColumnElement[bool], limit: int) -> list[Check]:
        query = sa.select(checks).where(*conditions).order_by(checks.c.id.desc()).limit(limit)
        query = query.execution_options(**KEEP_PLAN)
        with self._database.glance() as connection:
            return [_check(row) for row in connection.execute(query).mappings()]


def _check(row: sa.RowMapping) -> Check:
    values = dict(row)
    told = values.pop("estimate")
    return Check(**values, estimate=None if told is None else msgspec.json.decode(told, type=Estimate))


def _finding(row: sa.Row[Any]) -> Finding:
    return Finding(
        n=row.n,
        key=row.key,
        kind=row.kind,
        columns=msgspec.json.decode(row.columns),
        last_event=row.last_event,
        first_seen_at=row.first_seen_at,
        times_seen=row.times_seen,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
    )
