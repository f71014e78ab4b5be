"""What operators did: one row for each action, refused ones too. Rows are never changed; the database sees to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.operators import tables
from cqrs.store.database import Database

LONGEST_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    id: int
    at: datetime
    actor: str
    role: str
    address: str
    action: str
    target: str
    reason: str | None
    outcome: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Newest first. `next` is the `before` of the next page, None on the last."""

    items: Sequence[AuditEntry]
    next: int | None


class Audit:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        *,
        actor: str,
        role: str,
        address: str,
        action: str,
        target: str,
        outcome: str,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> int:
        """The id of the row. `detail` must be JSON, and hold no secrets: whoever may read the trail sees it."""
        told = {"actor": actor, "role": role, "address": address, "action": action, "target": target}
        with self._database.write() as connection:
            return self.record_on(connection, **told, outcome=outcome, reason=reason, detail=detail)

    def record_on(
        self,
        connection: sa.Connection,
        *,
        actor: str,
        role: str,
        address: str,
        action: str,
        target: str,
        outcome: str,
        reason: str | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> int:
        """The same in the transaction of what it tells of."""
        inserted = connection.execute(
            tables.audit.insert().values(
                at=self._database.now(connection),
                actor=_shortened(actor),
                role=role,
                address=_shortened(address),
                action=action,
                target=_shortened(target),
                reason=None if reason is None else _shortened(reason),
                outcome=outcome,
                detail=msgspec.json.encode(detail or {}).decode(),
            )
        )
        key = inserted.inserted_primary_key
        return int(key[0]) if key else 0

    def page(
        self,
        *,
        before: int | None = None,
        limit: int = 50,
        actor: str | None = None,
        action: str | None = None,
        target: str | None = None,
    ) -> AuditPage:
        columns = tables.audit.c
        statement = sa.select(tables.audit).order_by(columns.id.desc()).limit(limit + 1)
        for column, wanted in ((columns.actor, actor), (columns.action, action), (columns.target, target)):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if before is not None:
            statement = statement.where(columns.id < before)
        with self._database.read() as connection:
            entries = [_entry(row) for row in connection.execute(statement)]
        more = len(entries) > limit
        return AuditPage(entries[:limit], entries[limit - 1].id if more else None)


def _entry(row: sa.Row[Any]) -> AuditEntry:
    return AuditEntry(
        id=row.id,
        at=row.at,
        actor=row.actor,
        role=row.role,
        address=row.address,
        action=row.action,
        target=row.target,
        reason=row.reason,
        outcome=row.outcome,
        detail=msgspec.json.decode(row.detail, type=dict[str, Any]),
    )


def _shortened(text: str) -> str:
    """Fit for the trail: no endless texts, and nothing a database refuses, or the deed would leave no row."""
    clean = text.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= LONGEST_TEXT else clean[: LONGEST_TEXT - 1] + "…"
