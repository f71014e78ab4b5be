"""Fires schedules in one process at a time: whoever holds the lease runs a timer in memory, the others wait for it.

The timer only says when to look. A run row with the due time decides: it is written together with a look at the
lease, so that neither two processes nor one that overslept can run the same due time twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from cqrs.errors import CqrsError
from cqrs.runtime import Runtime
from cqrs.store.upsert import insert_new
from cqrs.workers import tables
from cqrs.workers.leases import Lease, Leases
from cqrs.workers.schedules import SCHEDULES, Schedule

LEASE = "scheduler"
LEASE_TIME = timedelta(seconds=15)
LONGEST_ERROR = 2_000

logger = logging.getLogger(__name__)


class DueTimes(IntervalTrigger):  # type: ignore[misc]  # the library has no types
    """The due times of a schedule, and once at the start, for what fell due while nobody held the lease."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(seconds=int(schedule.every.total_seconds()), start_date=schedule.anchor, timezone=UTC)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        if previous is None:
            return now
        # Told of no previous time, it counts from the anchor; otherwise from the start.
        return cast(datetime, super().get_next_fire_time(None, now + timedelta(milliseconds=1)))


class Scheduler:
    def __init__(
        self,
        runtime: Runtime,
        owner: str,
        *,
        schedules: Sequence[Schedule] = SCHEDULES,
        lease_time: timedelta = LEASE_TIME,
    ) -> None:
        self._runtime = runtime
        self._owner = owner
        self._schedules = schedules
        self._lease_time = lease_time
        self._leases = Leases(runtime.main)
        self._lease: Lease | None = None
        self._timer: BackgroundScheduler | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Waits for jobs that are running, and lets the next process in at once."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._keep_lease()
                self._stopping.wait(self._lease_time.total_seconds() / 3)
        finally:
            self._step_down()

    def _keep_lease(self) -> None:
        try:
            lease = self._leases.acquire(LEASE, self._owner, self._lease_time)
        except CqrsError as error:
            logger.warning("The scheduler cannot reach its lease: %s", error)
            return
        if lease != self._lease:
            self._stop_timer()
            self._lease = lease
            if lease is not None:
                self._timer = self._start_timer(lease)

    def _start_timer(self, lease: Lease) -> BackgroundScheduler:
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        timer = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
        for schedule in self._schedules:
            timer.add_job(self.tick, DueTimes(schedule), args=[schedule, lease])
        timer.start()
        return timer

    def tick(self, schedule: Schedule, lease: Lease) -> bool:
        """Run what the schedule is due for, unless that was run before or the lease was lost. Whether it ran."""
        try:
            due_at = self._claim(schedule, lease)
            if due_at is None:
                return False
            error = self._carry_out(schedule)
            self._finish(schedule, due_at, error)
        except CqrsError as error:
            logger.warning("Schedule %r was not run: %s", schedule.name, error)
            return False
        return True

    def _claim(self, schedule: Schedule, lease: Lease) -> datetime | None:
        database, runs = self._runtime.main, tables.schedule_runs
        with database.write(durable=False) as connection:
            now = database.now(connection)
            due_at = schedule.due_at(now)
            if not self._leases.still_held(connection, lease):
                return None
            row = {"schedule": schedule.name, "due_at": due_at, "token": lease.token, "started_at": now}
            inserted = connection.execute(insert_new(database.dialect, runs, row))
            return due_at if inserted.rowcount == 1 else None

    def _carry_out(self, schedule: Schedule) -> str | None:
        try:
            schedule.job(self._runtime)
        except Exception as error:
            logger.exception("Schedule %r failed.", schedule.name)
            return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
        return None

    def _finish(self, schedule: Schedule, due_at: datetime, error: str | None) -> None:
        database, runs = self._runtime.main, tables.schedule_runs
        mine = (runs.c.schedule == schedule.name, runs.c.due_at == due_at)
        with database.write(durable=False) as connection:
            values: dict[str, Any] = {"finished_at": database.now(connection), "error": error}
            connection.execute(runs.update().where(*mine).values(values))

    def _step_down(self) -> None:
        self._stop_timer()
        if self._lease is not None:
            try:
                self._leases.release(self._lease)
            except CqrsError as error:
                logger.warning("The scheduler's lease runs out by itself: %s", error)
            self._lease = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.shutdown(wait=True)
            self._timer = None
