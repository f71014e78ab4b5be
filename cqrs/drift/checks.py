"""Checks and their findings as they are stored: written while a check goes on, read by whoever asks how it went."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.drift.estimate import Estimate
from cqrs.drift.tables import checks, findings
from cqrs.errors import CheckOvertaken, NotFound
from cqrs.identifiers import new_id
from cqrs.projections.failures import storable
from cqrs.store.database import Database

#: What rows are held against; the log where nothing else is said.
LOG, WRITE_MODEL = "log", "write_model"

UNFINISHED = "It did not come to its end."
#: What one that did not means for readers.
ENDED = "No row was changed; what was found until then is kept."

#: Findings that are stored for one check; all are counted.
MOST_FINDINGS = 1_000
LONGEST_PAGE = 200
#: The level of the look that a repair takes at its own rows.
REPAIRED = "keys"

#: What else is to be written in the transaction of a save.
Also = Callable[[sa.Connection], None]


class Verdict(enum.StrEnum):
    NONE = "none"
    DRIFT = "drift"
    INCONCLUSIVE = "inconclusive"
    NOT_DETERMINISTIC = "not_deterministic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a check has come to so far; `verdict` is None until it is finished."""

    id: str
    operation: str
    projection: str
    level: str
    reference: str
    verdict: str | None
    #: Why it is inconclusive, or what else is to be known of the verdict.
    reason: str | None
    generation: int | None
    #: All rows were compared as of this position, or a later one.
    position: int | None
    checked: int
    missing: int
    extra: int
    changed: int
    #: Parked keys, which nobody expects to be right.
    known: int
    pending: int
    #: Keys whose rows could not be derived.
    underived: int
    #: Rows there were in all when it began; None where nobody counted.
    rows: int | None
    #: Events that concern what was looked at.
    events: int
    #: In a sentence, what was looked at.
    method: str | None
    #: What a sample tells of all rows.
    estimate: Estimate | None
    #: Findings that were kept.
    stored: int
    cursor: str
    saves: int
    started_at: datetime
    finished_at: datetime | None

    @property
    def differing(self) -> int:
        return self.missing + self.extra + self.changed

    @property
    def duration_seconds(self) -> float | None:
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Found:
    """A row that is not as the log says."""

    key: str
    kind: str
    #: By column, "stored" and "expected"; JSON values.
    columns: Mapping[str, Any]
    #: The position of the last event of the key; None when there is none.
    last_event: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Found):
    n: int
    first_seen_at: datetime
    #: How many checks in a row found it, this one included.
    times_seen: int
    resolved_by: str | None
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class FindingPage:
    items: Sequence[Finding]
    next: int | None


class Checks:
    def __init__(self, database: Database) -> None:
        self._database = database

    # Reading

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
        with self._database.read() as connection:
            return list(connection.execute(asked).scalars())

    def keys_of(self, identity: str, only: Collection[int] | None = None) -> list[str]:
        """The keys of all stored findings that nobody has resolved, or of those with these numbers."""
        f = findings.c
        asked = sa.select(f.key).where(f.check == identity, f.resolved_by.is_(None)).order_by(f.n)
        asked = asked if only is None else asked.where(f.n.in_(only))
        with self._database.read() as connection:
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
        with self._database.read() as connection:
            return [_check(row) for row in connection.execute(query).mappings()]

    # Writing

    def begin(self, operation: str, projection: str, *, level: str, reference: str) -> Check:
        """The check of this operation: the one that was begun, when the operation is taken up again."""
        begun = self.of_operation(operation)
        if begun is not None:
            return begun
        identity = new_id()
        facts = {"operation": operation, "projection": projection, "level": level, "reference": reference}
        with self._database.write(durable=False) as connection:  # if it is lost it is begun again
            values = {**facts, **dict.fromkeys(COUNTS, 0), "cursor": "", "saves": 0}
            now = self._database.now(connection)
            connection.execute(checks.insert().values(id=identity, started_at=now, **values))
        return self.get(identity)

    def save(
        self,
        check: Check,
        found: Sequence[Found] = (),
        *,
        right: Collection[str] = (),
        repaired: Collection[str] = (),
        also: Also | None = None,
    ) -> Check:
        """Write how far it is, with the findings since the last time; what earlier checks found of the keys in
        `right` is resolved by this check, of those in `repaired` by its operation. Raises CheckOvertaken when somebody
        else did."""
        with self._database.write() as connection:
            after = self._write(connection, check, found)
            now = self._database.now(connection)
            if right:
                self._resolve(connection, check, check.id, findings.c.key.in_(right), now)
            if repaired:
                self._resolve(connection, check, check.operation, findings.c.key.in_(repaired), now)
            if also is not None:
                also(connection)
        return after

    def _write(self, connection: sa.Connection, check: Check, found: Sequence[Found], **facts: Any) -> Check:
        kept = found[: max(0, MOST_FINDINGS - check.stored)]
        after = replace(check, stored=check.stored + len(kept), saves=check.saves + 1, **facts)
        self._update(connection, check, after)
        now = self._database.now(connection)
        for n, each in enumerate(kept, start=check.stored + 1):
            connection.execute(findings.insert().values(self._row(connection, check, n, each, now)))
        return after

    def restart(self, check: Check) -> Check:
        """Forget what was found: it begins again."""
        counts: dict[str, Any] = dict.fromkeys(COUNTS, 0)
        after = replace(check, **counts, cursor="", position=None, reason=None, saves=check.saves + 1)
        with self._database.write() as connection:
            self._update(connection, check, after)
            connection.execute(findings.delete().where(findings.c.check == check.id))
        return after

    def finish(
        self,
        check: Check,
        verdict: Verdict,
        reason: str | None = None,
        *,
        found: Sequence[Found] = (),
        all_seen: bool = False,
        also: Also | None = None,
    ) -> Check:
        """With the findings since it was saved. A check that saw all there is resolves what earlier ones found and it
        did not."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            after = self._write(connection, check, found, verdict=verdict.value, reason=reason, finished_at=now)
            if all_seen and verdict in (Verdict.NONE, Verdict.DRIFT) and after.stored == after.differing:
                mine = sa.select(findings.c.key).where(findings.c.check == check.id)
                self._resolve(connection, check, check.id, findings.c.key.not_in(mine), now)
            if also is not None:
                also(connection)
        return after

    @staticmethod
    def _resolve(
        connection: sa.Connection, check: Check, by: str, which: sa.ColumnElement[bool], now: datetime
    ) -> None:
        """What other checks found by the same reference."""
        f = findings.c
        others = (f.projection == check.projection, f.reference == check.reference, f.check != check.id)
        standing = findings.update().where(*others, f.resolved_by.is_(None), which)
        connection.execute(standing.values(resolved_by=by, resolved_at=now))

    @staticmethod
    def _update(connection: sa.Connection, before: Check, after: Check) -> None:
        values = {name: getattr(after, name) for name in (*COUNTS, *FACTS)}
        values["estimate"] = None if after.estimate is None else msgspec.json.encode(after.estimate).decode()
        mine = checks.update().where(checks.c.id == before.id, checks.c.saves == before.saves)
        if connection.execute(mine.values(values)).rowcount != 1:
            raise CheckOvertaken(projection=before.projection)

    @staticmethod
    def _row(connection: sa.Connection, check: Check, n: int, found: Found, now: datetime) -> dict[str, Any]:
        f, key = findings.c, storable(found.key)
        seen = sa.select(f.first_seen_at, f.times_seen).where(f.projection == check.projection, f.key == key)
        seen = seen.where(f.reference == check.reference)
        before = connection.execute(
            seen.where(f.check != check.id, f.resolved_by.is_(None)).order_by(f.check.desc()).limit(1)
        ).one_or_none()
        return {
            "check": check.id,
            "n": n,
            "projection": check.projection,
            "reference": check.reference,
            "key": key,
            "kind": found.kind,
            "columns": msgspec.json.encode(found.columns).decode(),
            "last_event": found.last_event,
            "first_seen_at": now if before is None else before.first_seen_at,
            "times_seen": 1 if before is None else before.times_seen + 1,
        }


COUNTS = ("checked", "missing", "extra", "changed", "known", "pending", "underived", "stored", "events")
FACTS = ("verdict", "reason", "generation", "position", "rows", "method", "cursor", "saves", "finished_at")


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


def result_of(check: Check) -> dict[str, Any]:
    """Of the operation that it is."""
    names = ("rows", "checked", "missing", "extra", "changed", "pending", "events", "method")
    counts = {name: getattr(check, name) for name in names}
    return {"check": f"/api/checks/{check.id}", "verdict": check.verdict, "reason": check.reason, **counts}
