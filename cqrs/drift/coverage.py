"""How much of each read model checks have looked at, and when: what "no drift" rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cqrs.drift.tables import coverage, coverage_marks
from cqrs.readmodels.generation import GenerationId
from cqrs.store.database import Database

c, m = coverage.c, coverage_marks.c

#: The part of a pass that goes along the rows; behind it come keys without one.
ROWS = "rows"
#: Marks of the pass before that are looked at in one go.
MARKS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Of the live generation, by checks against the log. None is never, or nobody knows."""

    projection: str
    generation: int | None
    #: Every row that there is was last looked at then, or later.
    oldest_at: datetime | None = None
    #: When the last check began that looked at all rows, and which it was.
    whole_at: datetime | None = None
    whole_check: str | None = None
    #: Keys that events up to here have touched were looked at since.
    verified_position: int | None = None
    verified_at: datetime | None = None
    #: The rolling pass that is under way, or was the last one: how many rows it has seen of how many.
    pass_number: int | None = None
    pass_started_at: datetime | None = None
    pass_finished_at: datetime | None = None
    pass_seen: int | None = None
    pass_rows: int | None = None
    #: When this was read.
    read_at: datetime | None = None

    @property
    def pass_seconds(self) -> float | None:
        """How long the last pass took; of the one under way, how long it takes if it goes on as it went. None while
        nobody can tell."""
        until, share = self.pass_finished_at or self.read_at, self.pass_share
        if not share or until is None or self.pass_started_at is None:
            return None
        return (until - self.pass_started_at).total_seconds() / share

    @property
    def pass_share(self) -> float | None:
        """Between 0 and 1."""
        if self.pass_number is None:
            return None
        if self.pass_finished_at is not None or not self.pass_rows:
            return 1.0 if self.pass_finished_at is not None else 0.0
        return min(1.0, (self.pass_seen or 0) / self.pass_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """Where the rolling pass stands: in this part, behind the key of this text."""

    number: int
    part: str
    after: str | None
    seen: int
    rows: int


class Coverages:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, projection: str, generation: GenerationId | None) -> Coverage:
        with self._database.read() as connection:
            row = self._row(connection, projection, generation)
            first = sa.select(m.at).where(m.projection == projection).order_by(m.pass_number, m.check).limit(1)
            marked, now = connection.execute(first).scalar(), self._now(connection)
        number = None if generation is None else generation.number
        if row is None:
            return Coverage(projection=projection, generation=number)
        all_seen = row["before_finished_at"] is not None or row["part"] != ROWS
        moments = [row["whole_at"], marked if all_seen and row["pass_number"] else None]
        return Coverage(
            projection=projection,
            generation=number,
            read_at=now,
            oldest_at=max((at for at in moments if at is not None), default=None),
            **{name: row[name] for name in ("whole_at", "whole_check", "verified_position", "verified_at")},
            **(_pass_of(row) if row["pass_number"] else {}),
        )

    def verified(self, projection: str, generation: GenerationId) -> int | None:
        """The position that whoever looks at what changed since begins at."""
        return self.of(projection, generation).verified_position

    # In the transaction that a check is saved in

    def verify(self, connection: sa.Connection, projection: str, generation: GenerationId, position: int) -> None:
        self._update(connection, projection, generation, verified_position=position, verified_at=self._now(connection))

    def see_all(
        self, connection: sa.Connection, projection: str, generation: GenerationId, check: str, at: datetime
    ) -> None:
        """A check that began at `at` has looked at all rows."""
        self._update(connection, projection, generation, whole_at=at, whole_check=check)

    # The rolling pass

    def enter_pass(self, projection: str, generation: GenerationId, rows: Callable[[], int]) -> Pass:
        """The pass that is under way, or a new one over so many `rows`."""
        with self._database.read() as connection:
            row = self._row(connection, projection, generation)
        if row is not None and row["part"] is not None:
            return Pass(**{name: row[name] for name in ("part", "after", "seen", "rows")}, number=row["pass_number"])
        begun = Pass(number=1 if row is None else row["pass_number"] + 1, part=ROWS, after=None, seen=0, rows=rows())
        before = (
            {} if row is None else {f"before_{name}_at": row[f"pass_{name}_at"] for name in ("started", "finished")}
        )
        with self._database.write() as connection:
            values = {"pass_number": begun.number, "part": ROWS, "after": None, "seen": 0, "rows": begun.rows}
            values |= {"pass_started_at": self._now(connection), "pass_finished_at": None, **before}
            self._update(connection, projection, generation, **values)
        return begun

    def move_pass(
        self,
        connection: sa.Connection,
        projection: str,
        generation: GenerationId,
        moved: Pass,
        *,
        check: str,
        at: datetime,
        over: Callable[[str], bool],
        ended: bool,
    ) -> None:
        """The check of this id, which began at `at`, came so far. `over` tells whether that is behind some key."""
        values: dict[str, Any] = {"part": None if ended else moved.part, "after": moved.after, "seen": moved.seen}
        if ended:
            values["pass_finished_at"] = self._now(connection)
        self._update(connection, projection, generation, **values)
        mine = (m.projection == projection, m.pass_number == moved.number, m.check == check)
        mark = {"projection": projection, "pass_number": moved.number, "check": check, "at": at}
        in_rows = moved.part == ROWS and not ended
        at_end = (m.projection == projection, m.pass_number == moved.number, m.upto.is_(None))
        if in_rows or not connection.execute(sa.select(m.check).where(*at_end)).first():
            connection.execute(sa.delete(coverage_marks).where(*mine))
            connection.execute(sa.insert(coverage_marks).values(**mark, upto=moved.after if in_rows else None))
        self._forget_marks(connection, projection, moved.number, over if in_rows else None)

    @staticmethod
    def _forget_marks(
        connection: sa.Connection, projection: str, number: int, over: Callable[[str], bool] | None
    ) -> None:
        """Those of earlier passes that this one has gone over; None where it has gone over all."""
        older = sa.select(m.pass_number, m.check, m.upto).where(m.projection == projection, m.pass_number < number)
        while True:
            gone = []
            for mark in connection.execute(older.order_by(m.pass_number, m.check).limit(MARKS)):
                if over is not None and mark.pass_number == number - 1 and (mark.upto is None or not over(mark.upto)):
                    break
                gone.append(mark)
            for mark in gone:
                this = (m.projection == projection, m.pass_number == mark.pass_number, m.check == mark.check)
                connection.execute(sa.delete(coverage_marks).where(*this))
            if len(gone) < MARKS:
                return

    # Rows

    @staticmethod
    def _row(connection: sa.Connection, projection: str, generation: GenerationId | None) -> Mapping[str, Any] | None:
        if generation is None:
            return None
        asked = sa.select(coverage).where(*_of(projection, generation))
        return connection.execute(asked).mappings().one_or_none()  # type: ignore[return-value]

    def _update(self, connection: sa.Connection, projection: str, generation: GenerationId, **values: Any) -> None:
        """Of another generation nothing is kept."""
        mine = sa.update(coverage).where(*_of(projection, generation))
        if connection.execute(mine.values(values)).rowcount == 0:
            for table in (coverage, coverage_marks):
                connection.execute(sa.delete(table).where(table.c.projection == projection))
            this = {"projection": projection, "generation": generation.number, "origin": generation.origin}
            connection.execute(sa.insert(coverage).values(**this, **values))

    def _now(self, connection: sa.Connection) -> datetime:
        return self._database.now(connection)


def _of(projection: str, generation: GenerationId) -> tuple[sa.ColumnElement[bool], ...]:
    return (c.projection == projection, c.generation == generation.number, c.origin == generation.origin)


def _pass_of(row: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("pass_number", "pass_started_at", "pass_finished_at")}
    return {**named, "pass_seen": row["seen"], "pass_rows": row["rows"]}
