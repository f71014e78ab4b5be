"""Checks and their findings as they are written while a check goes on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.drift.check import MOST_FINDINGS, Check, Found, Verdict
from cqrs.drift.check_reading import CheckReading
from cqrs.drift.tables import checks, findings
from cqrs.errors import CheckOvertaken
from cqrs.identifiers import new_id
from cqrs.projections.failures import storable
from cqrs.store.database_time import database_now

UNFINISHED = "It did not come to its end."
#: What one that did not means for readers.
ENDED = "No row was changed; what was found until then is kept."

#: What else is to be written in the transaction of a save.
Also = Callable[[sa.Connection], None]


class Checks(CheckReading):
    """Reads, and writes while a check goes on."""

    def begin(self, operation: str, projection: str, *, level: str, reference: str, origin: str) -> Check:
        """The check of this operation: the one that was begun, when the operation is taken up again. `origin` is that
        of the rows to be looked at."""
        begun = self.of_operation(operation)
        if begun is not None:
            return begun
        identity = new_id()
        facts = {"operation": operation, "projection": projection, "level": level, "reference": reference}
        facts["origin"] = origin
        with self._database.write(durable=False) as connection:  # if it is lost it is begun again
            values = {**facts, **dict.fromkeys(COUNTS, 0), "cursor": "", "saves": 0}
            connection.execute(checks.insert().values(id=identity, started_at=database_now(), **values))
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
            if right:
                self._resolve(connection, check, check.id, findings.c.key.in_(right))
            if repaired:
                self._resolve(connection, check, check.operation, findings.c.key.in_(repaired))
            if also is not None:
                also(connection)
        return after

    def _write(self, connection: sa.Connection, check: Check, found: Sequence[Found], **facts: Any) -> Check:
        kept = found[: max(0, MOST_FINDINGS - check.stored)]
        after = replace(check, stored=check.stored + len(kept), saves=check.saves + 1, **facts)
        self._update(connection, check, after)
        for n, each in enumerate(kept, start=check.stored + 1):
            connection.execute(findings.insert().values(self._row(connection, check, n, each)))
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
                self._resolve(connection, check, check.id, findings.c.key.not_in(mine))
            if also is not None:
                also(connection)
        return after

    @staticmethod
    def _resolve(connection: sa.Connection, check: Check, by: str, which: sa.ColumnElement[bool]) -> None:
        """What other checks found by the same reference."""
        f = findings.c
        others = (f.projection == check.projection, f.reference == check.reference, f.check != check.id)
        standing = findings.update().where(*others, f.resolved_by.is_(None), which)
        connection.execute(standing.values(resolved_by=by, resolved_at=database_now()))

    @staticmethod
    def _update(connection: sa.Connection, before: Check, after: Check) -> None:
        values = {name: getattr(after, name) for name in (*COUNTS, *FACTS)}
        values["estimate"] = None if after.estimate is None else msgspec.json.encode(after.estimate).decode()
        mine = checks.update().where(checks.c.id == before.id, checks.c.saves == before.saves)
        if connection.execute(mine.values(values)).rowcount != 1:
            raise CheckOvertaken(projection=before.projection)

    @staticmethod
    def _row(connection: sa.Connection, check: Check, n: int, found: Found) -> dict[str, Any]:
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
            "first_seen_at": database_now() if before is None else before.first_seen_at,
            "times_seen": 1 if before is None else before.times_seen + 1,
        }


COUNTS = ("checked", "missing", "extra", "changed", "known", "pending", "underived", "stored", "events")
FACTS = ("verdict", "reason", "generation", "origin", "position", "rows", "method", "cursor", "saves", "finished_at")
