"""Fires schedules in one process at a time: whoever holds the lease runs a timer in memory, the others wait for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from cqrs.errors import CqrsError
from cqrs.runtime import Runtime
from cqrs.workers.jobs import JOBS
from cqrs.workers.leases import Lease, Leases
from cqrs.workers.schedule import Schedule
from cqrs.workers.schedules import LEASE
from cqrs.workers.ticks import Job, Ticks

LEASE_TIME = timedelta(seconds=15)
#: How soon a change of a schedule, or a run that somebody asked for, is noticed.
LOOK = timedelta(seconds=2)
#: Clocks that differ by less are taken for equal.
CLOCKS_DIFFER = timedelta(milliseconds=300)

logger = logging.getLogger(__name__)

#: What a job did in a few words, None when there is nothing to say.
Work = Callable[[Runtime], str | None]


class BeginTimes(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """When to look at a schedule: at once, for what fell due before, then whenever something begins.

    `ahead` is how far the clock of this process is before that of the database, which decides.
    """

    def __init__(self, schedule: Schedule, ahead: timedelta) -> None:
        self._schedule = schedule
        self._ahead = ahead

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        if previous is None:
            return now
        try:
            found = self._schedule.looked_at((max(previous, now) - self._ahead).astimezone(UTC))
        except Exception:
            logger.exception("Schedule %s cannot be read; the others go on.", self._schedule.id)
            return None
        return None if found is None else found + self._ahead


class Scheduler:
    def __init__(
        self,
        runtime: Runtime,
        owner: str,
        *,
        jobs: Mapping[str, Work] = JOBS,
        lease_time: timedelta = LEASE_TIME,
        look: timedelta = LOOK,
    ) -> None:
        self._runtime = runtime
        self._owner = owner
        self._jobs = jobs
        self._lease_time = lease_time
        self._look = min(look, lease_time / 3)
        self._leases = Leases(runtime.main)
        self._ticks = Ticks(runtime.main, runtime.operations, runtime.schedules)
        self._lease: Lease | None = None
        self._asked_at = 0.0
        self._timer: BackgroundScheduler | None = None
        #: What the timer has been told of, by id.
        self._known: dict[str, Schedule] = {}
        self._ahead = timedelta()
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
                try:
                    self._keep_lease()
                    self._look_around()
                except Exception:
                    logger.exception("The scheduler tries again after an error that it does not know.")
                self._stopping.wait(self._look.total_seconds())
        finally:
            self._step_down()

    def _keep_lease(self) -> None:
        """Asked for three times in its time."""
        now = time.monotonic()
        if self._asked_at and now - self._asked_at < (self._lease_time / 3 - self._look / 2).total_seconds():
            return
        self._asked_at = now
        try:
            lease = self._leases.acquire(LEASE, self._owner, self._lease_time)
        except CqrsError as error:
            logger.warning("The scheduler cannot reach its lease: %s", error)
            return
        if lease != self._lease:
            self._stop_timer()
            self._lease = lease

    def _look_around(self) -> None:
        """Tell the timer of schedules as they are now, and begin what people asked for."""
        if self._lease is None:
            return
        try:
            if self._timer is None:
                self._runtime.schedules.ensure()
                self._ticks.close_interrupted(self._lease)
                self._timer = self._new_timer()
            self._adopt(self._timer, self._lease)
            for run in self._ticks.pending():
                self._timer.add_job(self.run_asked, id=run, args=[run, self._lease], replace_existing=True)
        except CqrsError as error:
            logger.warning("The scheduler cannot read the schedules: %s", error)

    @staticmethod
    def _new_timer() -> BackgroundScheduler:
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        timer = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
        timer.start()
        return timer

    def _adopt(self, timer: BackgroundScheduler, lease: Lease) -> None:
        now, found = self._ticks.runnable()
        ahead = datetime.now(UTC) - now
        if abs(ahead - self._ahead) > CLOCKS_DIFFER:
            self._known, self._ahead = {}, ahead
            timer.remove_all_jobs()
        wanted = {each.id: each for each in found}
        for identity in self._known.keys() - wanted.keys():
            with suppress(JobLookupError):  # it had nothing more to come
                timer.remove_job(identity)
        changed = [each for each in found if self._known.get(each.id) != each]
        self._known = wanted
        for each in changed:
            when = BeginTimes(each, self._ahead)
            timer.add_job(self.tick, when, id=each.id, args=[each.id, lease], replace_existing=True)

    def tick(self, identity: str, lease: Lease) -> bool:
        """Run what the schedule is due for, unless that was run before or the lease was lost. Whether it ran.

        What falls due while a job runs is run after it: the timer lets nobody in meanwhile.
        """
        ran = False
        try:
            while not self._stopping.is_set() and (found := self._ticks.tick(identity, lease)):
                if isinstance(found, Job):
                    self._carry_out(found)
                ran = True
        except CqrsError as error:
            logger.warning("Schedule %s was not run: %s", identity, error)
        return ran

    def run_asked(self, run: str, lease: Lease) -> None:
        try:
            job = self._ticks.take(run, lease)
            if job is not None:
                self._carry_out(job)
        except CqrsError as error:
            logger.warning("A run that was asked for did not come to its end: %s", error)

    def _carry_out(self, job: Job) -> None:
        try:
            outcome = self._jobs[job.kind](self._runtime)
        except Exception as error:
            logger.exception("The job %s failed.", job.kind)
            self._ticks.finish(job.run, error=f"{type(error).__name__}: {error}")
        else:
            self._ticks.finish(job.run, outcome=outcome)

    def _step_down(self) -> None:
        self._stop_timer()
        if self._lease is not None:
            try:
                self._leases.release(self._lease)
            except CqrsError as error:
                logger.warning("The scheduler's lease runs out by itself: %s", error)
            self._lease = None

    def _stop_timer(self) -> None:
        self._known = {}
        if self._timer is not None:
            self._timer.shutdown(wait=True)
            self._timer = None
