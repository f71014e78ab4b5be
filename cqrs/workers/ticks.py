"""What a scheduler writes: a run row for each due time, in one transaction with the operation it asks for.

The timer only says when to look. The row decides: it is written together with a look at the schedule and the lease, so
that neither two processes nor one that overslept can run the same due time twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cqrs.identifiers import new_id
from cqrs.store.database import Database
from cqrs.store.upsert import insert_new
from cqrs.workers.leases import Lease, Leases
from cqrs.workers.operations import Operations
from cqrs.workers.schedule import CHECK, Schedule
from cqrs.workers.schedule_rows import read_locked, read_schedules, unfinished_check
from cqrs.workers.schedule_tables import schedule_runs, schedules
from cqrs.workers.schedules import Schedules
from cqrs.workers.timing_words import timing_words

#: A timer may fire a little early by the clock of the database; the tick it fired for counts all the same.
EARLY = timedelta(milliseconds=500)
LONGEST_TEXT = 2_000
STILL_RUNNING = "skipped: the last one is still running"
INTERRUPTED = "Its process ended before it was done. The next due time runs."
#: Who asks for operations by schedule.
ACTOR = "system"


@dataclass(frozen=True, slots=True)
class Job:
    """A run that was begun: the job of this kind is to be carried out, then `finish` told."""

    run: str
    kind: str


class Ticks:
    """Every write looks at the lease first: who lost it writes nothing."""

    def __init__(self, database: Database, operations: Operations, book: Schedules) -> None:
        self._database = database
        self._operations = operations
        self._book = book

    def runnable(self) -> tuple[datetime, Sequence[Schedule]]:
        """The time by the database, and the schedules that are neither paused nor beyond this program."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            found = read_schedules(connection)
        return now, [each for each in found if each.paused_at is None and self._book.why_not(each) is None]

    def tick(self, identity: str, lease: Lease) -> Job | bool:
        """Run what the schedule is due for: True when it became an operation, a Job when it is to be carried out.

        False when nothing is due, it ran before, it is paused, or the lease was lost.
        """
        if not self._may_be_due(identity):
            return False
        with self._database.write(durable=False) as connection:
            schedule = read_locked(connection, identity, self._database.dialect)
            now = self._database.now(connection)
            if schedule is None or schedule.paused_at is not None or self._book.why_not(schedule) is not None:
                return False
            due_at = schedule.owed(now + EARLY)
            if due_at is None or not Leases.still_held(connection, lease):
                return False
            row = self._row(connection, schedule, due_at, now, lease)
            if connection.execute(insert_new(self._database.dialect, schedule_runs, row)).rowcount != 1:
                return False
            if schedule.kind != CHECK:
                return Job(row["id"], schedule.kind)
            if not row["skipped"]:
                self._ask(connection, schedule, row["id"])
            return True

    def pending(self) -> Sequence[str]:
        """The runs of jobs that people asked for and nobody has begun."""
        r = schedule_runs.c
        with self._database.read() as connection:
            asked = sa.select(r.id).where(r.finished_at.is_(None), r.started_at.is_(None)).order_by(r.id).limit(20)
            return list(connection.execute(asked).scalars())

    def take(self, run: str, lease: Lease) -> Job | None:
        """Begin a run that somebody asked for, unless somebody else did."""
        r = schedule_runs.c
        with self._database.write(durable=False) as connection:
            if not Leases.still_held(connection, lease):
                return None
            begun = {"started_at": self._database.now(connection), "token": lease.token}
            mine = r.id == run, r.started_at.is_(None)
            if connection.execute(schedule_runs.update().where(*mine).values(begun)).rowcount != 1:
                return None
            schedule = read_schedules(
                connection, schedules.c.id == sa.select(r.schedule).where(r.id == run).scalar_subquery()
            )
            return Job(run, schedule[0].kind) if schedule else None

    def finish(self, run: str, *, outcome: str | None = None, error: str | None = None) -> None:
        with self._database.write(durable=False) as connection:
            values: dict[str, Any] = {
                "finished_at": self._database.now(connection),
                "outcome": outcome,
                "error": None if error is None else error[:LONGEST_TEXT],
            }
            connection.execute(schedule_runs.update().where(schedule_runs.c.id == run).values(values))

    def close_interrupted(self, lease: Lease) -> None:
        """Say of the runs that an earlier holder of the lease left behind that they did not come to their end."""
        r = schedule_runs.c
        left = r.finished_at.is_(None), r.started_at.is_not(None), r.token < lease.token
        with self._database.write(durable=False) as connection:
            if Leases.still_held(connection, lease):
                values = {"finished_at": self._database.now(connection), "error": INTERRUPTED}
                connection.execute(schedule_runs.update().where(*left).values(values))

    def _may_be_due(self, identity: str) -> bool:
        """Asked of a read first, so that nobody waits for a tick that has nothing to do."""
        r = schedule_runs.c
        with self._database.read() as connection:
            found = read_schedules(connection, schedules.c.id == identity)
            if not found or self._book.why_not(found[0]) is not None:
                return False
            due_at = found[0].owed(self._database.now(connection) + EARLY)
            if due_at is None:
                return False
            ran = sa.select(r.id).where(r.schedule == identity, r.due_at == due_at)
            return connection.scalar(ran) is None

    def _row(
        self, connection: sa.Connection, schedule: Schedule, due_at: datetime, now: datetime, lease: Lease
    ) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": new_id(), "schedule": schedule.id, "due_at": due_at, "requested_at": now, "started_at": now,
            "token": lease.token, "skipped": False,
        }  # fmt: skip
        if schedule.kind == CHECK:
            row["finished_at"] = now
            if unfinished_check(connection, schedule) is not None:
                row |= {"skipped": True, "outcome": STILL_RUNNING}
        return row

    def _ask(self, connection: sa.Connection, schedule: Schedule, run: str) -> None:
        operation = self._operations.record(
            connection,
            CHECK,
            str(schedule.projection),
            actor=ACTOR,
            parameters=schedule.parameters,
            reason=f"By schedule: {timing_words(schedule.timing)}.",
        )
        connection.execute(schedule_runs.update().where(schedule_runs.c.id == run).values(operation=operation))
