"""Schedules for people: how they are, and what is changed about them. A scheduler fires them (scheduler.py)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cqrs.errors import InvalidMessage, NotFound, OperationInTheWay, ScheduleChanged, ScheduleFixed, ScheduleStands
from cqrs.identifiers import new_id
from cqrs.store.database import Database
from cqrs.store.question import Question
from cqrs.workers.default_schedules import DefaultSchedules
from cqrs.workers.due_times import Timing
from cqrs.workers.leases import Holding, Leases
from cqrs.workers.operation import OperationState
from cqrs.workers.operation_tables import operations
from cqrs.workers.operations import Operations
from cqrs.workers.schedule import CHECK, Schedule, ScheduleRun, ScheduleStatus, Upcoming
from cqrs.workers.schedule_rows import (
    add_schedule,
    read_locked,
    read_runs,
    read_schedules,
    timing_values,
    unfinished_check,
)
from cqrs.workers.schedule_tables import schedule_runs, schedules
from cqrs.workers.timing_change import FIELDS, changed_timing
from cqrs.workers.timing_words import timing_words

#: The lease of the one process that fires schedules.
LEASE = "scheduler"
DUE_SHOWN = 3
RUNS_SHOWN = 24
LONGEST_PAGE = 200
#: What is due and was not begun so much later is missed.
LATE = timedelta(seconds=60)


class Schedules:
    """All times are the database's. A change is seen by whoever fires schedules within a few seconds."""

    def __init__(self, database: Database, operations: Operations, defaults: DefaultSchedules) -> None:
        self._database = database
        self._operations = operations
        self._defaults = defaults

    def ensure(self) -> None:
        """Add the schedules that the program has by itself, where they are missing. What is there stays as it is, but
        for a fixed one that cannot be read: nobody else could mend it."""
        wanted = {each.id: each for each in self._defaults.all()}
        with self._database.read() as connection:
            there = {each.id: each for each in read_schedules(connection)}
        missing = wanted.keys() - there.keys()
        if missing:
            self.add(*(wanted[identity] for identity in sorted(missing)))
        for broken in (each for each in there.values() if each.fixed and each.broken and each.id in wanted):
            with self._database.write() as connection:
                mended = schedules.update().where(schedules.c.id == broken.id)
                times = {"paused_at": None, "changed_at": None, "counts_from": self._database.now(connection)}
                connection.execute(mended.values({**timing_values(wanted[broken.id].timing), **times}))

    def add(self, *new: Schedule) -> None:
        """Those whose id is taken change nothing."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            for each in new:
                add_schedule(connection, self._database.dialect, each, now)

    # Reading

    def all(self, *, runs: int = RUNS_SHOWN) -> Sequence[ScheduleStatus]:
        """What was missed comes first, then by when they are due; then those that stand, then the fixed ones."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            found = [self._status(connection, each, now, runs) for each in read_schedules(connection)]
        far = now + timedelta(days=10_000)

        def rank(each: ScheduleStatus) -> tuple[bool, bool, bool, datetime]:
            return each.schedule.fixed, not each.on, each.missed is None, min(each.due, default=far)

        return sorted(found, key=rank)

    def get(self, identity: str, *, runs: int = RUNS_SHOWN) -> ScheduleStatus:
        """Raises NotFound."""
        with self._database.read() as connection:
            found = read_schedules(connection, schedules.c.id == identity)
            if not found:
                raise NotFound(what="schedule", name=identity[:64])
            return self._status(connection, found[0], self._database.now(connection), runs)

    def runs(self, identity: str, *, before: str | None = None, limit: int = 50) -> Sequence[ScheduleRun]:
        """The newest first; `before` is the id of the last one of the page before."""
        mine = schedule_runs.c.schedule == identity
        with self._database.read() as connection:
            return read_runs(connection, mine, limit=min(limit, LONGEST_PAGE), before=before)

    def upcoming(self, limit: int = 5) -> Sequence[Upcoming]:
        """The next thing that each schedule does by itself, soonest first; neither paused nor fixed ones."""
        return self._upcoming()[:limit]

    def next_due(self, projection: str) -> Upcoming | None:
        """The next check of this projection; None when none is to come."""
        return next((each for each in self._upcoming() if each.schedule.projection == projection), None)

    def scheduler(self) -> Holding | None:
        """Who fires schedules; None when nobody does, so that none runs."""
        return Leases(self._database).holder(LEASE)

    def why_not(self, schedule: Schedule) -> str | None:
        """Why this program cannot run it; None when it can."""
        return self._defaults.why_not(schedule)

    def ids(self) -> frozenset[str]:
        with self._database.read() as connection:
            return frozenset(connection.execute(sa.select(schedules.c.id)).scalars())

    def failing(self) -> int:
        """How many schedules there are whose last run failed."""
        return int(self._database.ask(_failing())[0].failing)

    def _upcoming(self) -> list[Upcoming]:
        with self._database.read() as connection:
            now = self._database.now(connection)
            found = read_schedules(connection, schedules.c.paused_at.is_(None), schedules.c.fixed.is_(sa.false()))
        coming = [
            Upcoming(schedule=each, due_at=due_at, begins_at=each.timing.begins_at(each.id, due_at))
            for each in found
            if self.why_not(each) is None and (due_at := each.timing.next_due(now)) is not None
        ]
        return sorted(coming, key=lambda each: (each.due_at, each.schedule.id))

    def _status(self, connection: sa.Connection, schedule: Schedule, now: datetime, limit: int) -> ScheduleStatus:
        why_not = self.why_not(schedule)
        on = schedule.paused_at is None and why_not is None
        return ScheduleStatus(
            schedule=schedule,
            due=schedule.timing.following(now, DUE_SHOWN) if on else (),
            why_not=why_not,
            missed=self._missed(connection, schedule, now - LATE) if on else None,
            runs=read_runs(connection, schedule_runs.c.schedule == schedule.id, limit=1 if schedule.fixed else limit),
        )

    @staticmethod
    def _missed(connection: sa.Connection, schedule: Schedule, until: datetime) -> datetime | None:
        due_at = schedule.owed(until)
        if due_at is None:
            return None
        r = schedule_runs.c
        ran = sa.select(r.id).where(r.schedule == schedule.id, r.due_at >= due_at).limit(1)
        return due_at if connection.scalar(ran) is None else None

    # Changing

    def change(
        self, identity: str, given: Mapping[str, object], *, actor: str, seen: str | None = None
    ) -> ScheduleStatus:
        """Of every_seconds, cron, zone, anchor and jitter_seconds those that are given. What fell due before is not
        made up for; where nobody can read since when it is paused, that is since now. With `seen`, the mark of the
        timing that was looked at, only while it is still that one. Raises NotFound, ScheduleFixed, ScheduleChanged;
        InvalidMessage with what to write instead."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            before = self._mine(connection, identity)
            if seen is not None and seen != before.timing.mark:
                raise ScheduleChanged(
                    name=before.name, by=before.changed_by or "somebody", words=timing_words(before.timing)
                )
            timing = self._changed(connection, identity, given)
            paused = {"paused_at": now} if "paused_at" in before.unreadable else {}
            self._update(connection, identity, actor, now, counts_from=now, **paused, **timing_values(timing))
        return self.get(identity)

    def proposed(self, identity: str, given: Mapping[str, object]) -> tuple[Timing, Sequence[datetime]]:
        """What that change would come to, with its next due times. Nothing is changed. Raises what `change` raises."""
        with self._database.read() as connection:
            timing = self._changed(connection, identity, given)
            return timing, timing.following(self._database.now(connection), DUE_SHOWN)

    def pause(self, identity: str, *, actor: str) -> ScheduleStatus:
        """It makes no more runs by itself; one under way goes on. Raises NotFound, ScheduleFixed."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            if self._mine(connection, identity).paused_at is None:
                self._update(connection, identity, actor, now, paused_at=now, paused_by=actor)
        return self.get(identity)

    def resume(self, identity: str, *, actor: str) -> ScheduleStatus:
        """It runs again from its next due time on: not what fell due meanwhile. Raises NotFound, ScheduleFixed."""
        with self._database.write() as connection:
            now = self._database.now(connection)
            if self._mine(connection, identity).paused_at is not None:
                self._update(connection, identity, actor, now, paused_at=None, paused_by=None, counts_from=now)
        return self.get(identity)

    def run_now(self, identity: str, *, actor: str, reason: str | None = None) -> ScheduleRun:
        """A run besides: due times stay where they are. A check becomes an operation at once; a job waits for whoever
        fires schedules. Raises NotFound, ScheduleFixed, ScheduleStands; OperationInTheWay while the last one goes on.
        """
        run = new_id()
        with self._database.write() as connection:
            schedule = self._mine(connection, identity)
            why_not = self.why_not(schedule)
            if why_not is not None:
                raise ScheduleStands(name=schedule.name, why=why_not)
            now = self._database.now(connection)
            row: dict[str, Any] = {"id": run, "schedule": identity, "asked_by": actor, "requested_at": now}
            if schedule.kind == CHECK:
                row["operation"] = self._check(connection, schedule, actor, reason)
                row |= {"started_at": now, "finished_at": now}
            connection.execute(schedule_runs.insert().values(skipped=False, **row))
        with self._database.read() as connection:
            return read_runs(connection, schedule_runs.c.id == run, limit=1)[0]

    def _check(self, connection: sa.Connection, schedule: Schedule, actor: str, reason: str | None) -> str:
        projection = str(schedule.projection)
        running = unfinished_check(connection, schedule)
        if running is not None:
            raise OperationInTheWay(title=f"A {schedule.level} check of {projection}", id=running)
        return self._operations.record(
            connection, CHECK, projection, actor=actor, parameters=schedule.parameters, reason=reason
        )

    def _changed(self, connection: sa.Connection, identity: str, given: Mapping[str, object]) -> Timing:
        unknown = {name: ["There is no such field."] for name in given if name not in FIELDS}
        if unknown:
            raise InvalidMessage(unknown)
        return changed_timing(self._mine(connection, identity).timing, given)

    def _mine(self, connection: sa.Connection, identity: str) -> Schedule:
        schedule = read_locked(connection, identity, self._database.dialect)
        if schedule is None:
            raise NotFound(what="schedule", name=identity[:64])
        if schedule.fixed:
            raise ScheduleFixed(name=schedule.name)
        return schedule

    @staticmethod
    def _update(connection: sa.Connection, identity: str, actor: str, now: datetime, **values: Any) -> None:
        changed = schedules.update().where(schedules.c.id == identity)
        connection.execute(changed.values(changed_at=now, changed_by=actor, **values))


@functools.cache
def _failing() -> Question:
    r, o = schedule_runs.c, operations.c
    every = schedule_runs.alias().c
    newest = sa.select(sa.func.max(every.id)).where(every.schedule == schedules.c.id).scalar_subquery()
    failed = sa.or_(r.error.is_not(None), o.state == OperationState.FAILED)
    last = schedules.join(schedule_runs, r.id == newest).outerjoin(operations, o.id == r.operation)
    return Question(sa.select(sa.func.count().label("failing")).select_from(last).where(failed))
