"""The scheduler: one process at a time, each due time at most once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.workers import tables
from cqrs.workers.default_schedules import DefaultSchedules
from cqrs.workers.due_times import Timing
from cqrs.workers.leases import Lease, Leases
from cqrs.workers.operations import Operations
from cqrs.workers.schedule import CHECK, RunState, Schedule
from cqrs.workers.schedule_tables import schedule_runs
from cqrs.workers.schedule_tables import schedules as schedules_table
from cqrs.workers.scheduler import LEASE_TIME, BeginTimes, Scheduler
from cqrs.workers.schedules import LEASE, Schedules
from cqrs.workers.ticks import INTERRUPTED, STILL_RUNNING
from tests.operators.aging import age
from tests.waiting import wait_until

DAY = timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SHORT = timedelta(seconds=0.6)


class Ran:
    """A job that counts its runs."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times = 0
        self._error = error
        self._lock = threading.Lock()

    def __call__(self, _runtime: Any) -> str:
        with self._lock:
            self.times += 1
        if self._error:
            raise self._error
        return f"{self.times} counted"


def schedule_of(identity: str = "count", *, every: timedelta = DAY, jitter: timedelta = timedelta()) -> Schedule:
    """One that owes what fell due before it was made."""
    timing = Timing(every=every, jitter=jitter)
    return Schedule(id=identity, name=identity.capitalize(), kind="count", timing=timing, counts_from=LONG_AGO)


def check_of(projection: str = "members", level: str = "full") -> Schedule:
    return Schedule(
        id=f"check-{projection}-{level}",
        name=f"Check of {projection}",
        kind=CHECK,
        projection=projection,
        parameters={"level": level, "reference": "log"},
        timing=Timing(every=DAY),
        counts_from=LONG_AGO,
    )


class Program:
    """One process over a database: what it knows, and its scheduler."""

    def __init__(self, database: Database, own: Sequence[Schedule], job: Ran, owner: str = "a") -> None:
        self.database = database
        self.job = job
        self.operations = Operations(database)
        defaults = DefaultSchedules(["members"], lambda _: [("full", "log")], own)
        self.schedules = Schedules(database, self.operations, defaults)
        runtime: Any = SimpleNamespace(main=database, operations=self.operations, schedules=self.schedules)
        self.schedules.add(*own)
        self.scheduler = Scheduler(runtime, owner, jobs={"count": job}, lease_time=SHORT)

    def lease(self, owner: str = "a") -> Lease:
        lease = Leases(self.database).acquire(LEASE, owner, LEASE_TIME)
        assert lease is not None
        return lease

    def token(self) -> int:
        """That of the newest run."""
        return int(max(row.token for row in self.runs()))

    def runs(self, schedule: str = "count") -> list[Any]:
        with self.database.read() as connection:
            mine = schedule_runs.c.schedule == schedule
            return list(connection.execute(sa.select(schedule_runs).where(mine).order_by(schedule_runs.c.id)))


@pytest.fixture
def program(database: Database) -> Program:
    return Program(database, [schedule_of(), check_of()], Ran())


def test_a_due_time_is_run_once_by_however_many(program: Program) -> None:
    lease = program.lease()
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: program.scheduler.tick("count", lease), range(8)))
    assert program.job.times == sum(ran) == 1
    (row,) = program.runs()
    assert row.due_at == Timing(every=DAY).latest_due(datetime.now(UTC))
    assert (row.error, row.outcome) == (None, "1 counted")
    assert row.finished_at >= row.started_at


def test_who_lost_the_lease_runs_nothing(program: Program, database: Database) -> None:
    overslept = program.lease("a")
    age(database, tables.leases, LEASE_TIME)
    program.lease("b")
    assert not program.scheduler.tick("count", overslept)
    assert not program.scheduler.tick("check-members-full", overslept)
    assert program.job.times == 0
    assert program.runs() == program.runs("check-members-full") == program.operations.page() == []


def test_a_job_that_fails_says_so_in_its_run(database: Database) -> None:
    program = Program(database, [schedule_of()], Ran(ValueError("no disk")))
    assert program.scheduler.tick("count", program.lease())
    (run,) = program.schedules.runs("count")
    assert (run.state, run.error) == (RunState.FAILED, "ValueError: no disk")


def test_a_check_becomes_an_operation_in_the_same_transaction(program: Program) -> None:
    assert program.scheduler.tick("check-members-full", program.lease())
    (operation,) = program.operations.page()
    (run,) = program.schedules.runs("check-members-full")
    assert (operation.kind, operation.projection, operation.actor) == ("check", "members", "system")
    assert operation.parameters == {"level": "full", "reference": "log"}
    assert operation.reason == "By schedule: every day."
    assert (run.operation, run.state) == (operation.id, RunState.WAITING)


def test_a_check_is_passed_over_while_the_last_one_goes_on(program: Program) -> None:
    program.operations.request("check", "members", actor="ada", parameters={"level": "full"})
    assert program.scheduler.tick("check-members-full", program.lease())
    (run,) = program.schedules.runs("check-members-full")
    assert (run.state, run.outcome, run.operation) == (RunState.SKIPPED, STILL_RUNNING, None)
    assert len(program.operations.page()) == 1


@pytest.mark.parametrize("other", [{"level": "rolling"}, {"level": "full", "reference": "write_model"}])
def test_a_check_of_another_kind_is_in_nobodys_way(program: Program, other: dict[str, str]) -> None:
    program.operations.request("check", "members", actor="ada", parameters=other)
    program.scheduler.tick("check-members-full", program.lease())
    assert len(program.operations.page()) == 2


@pytest.mark.parametrize(("projection", "level"), [("gone", "full"), ("members", "sample")])
def test_what_is_not_in_the_code_is_not_run(database: Database, projection: str, level: str) -> None:
    program = Program(database, [check_of(projection, level)], Ran())
    identity = f"check-{projection}-{level}"
    assert not program.scheduler.tick(identity, program.lease())
    status = program.schedules.get(identity)
    assert (status.runs, status.due, status.on) == ([], (), False)
    assert projection in str(status.why_not)


def test_after_a_gap_only_the_latest_due_time_is_run(database: Database) -> None:
    program = Program(database, [schedule_of(every=timedelta(hours=1))], Ran())
    lease = program.lease()
    assert program.scheduler.tick("count", lease)
    age(database, schedule_runs, timedelta(hours=30))
    assert program.scheduler.tick("count", lease)
    assert not program.scheduler.tick("count", lease)
    first, second = (row.due_at for row in program.runs())
    assert second - first == timedelta(hours=30)


def test_a_schedule_owes_nothing_from_before_it_was_made(database: Database) -> None:
    program = Program(database, [], Ran())
    timing = Timing(every=DAY)
    program.schedules.add(Schedule(id="count", name="Count", kind="count", timing=timing))
    assert not program.scheduler.tick("count", program.lease())


def test_jitter_delays_a_run_and_leaves_its_due_time(database: Database) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    schedule = schedule_of(every=timedelta(hours=1), jitter=timedelta(minutes=20))
    begins = schedule.timing.begins_at("count", moment)
    assert moment < begins < moment + timedelta(minutes=20)
    assert schedule.timing.begins_at("count", moment) == begins != schedule.timing.begins_at("other", moment)
    assert schedule.owed(begins - timedelta(seconds=1)) is None
    assert schedule.owed(begins) == moment


def test_the_timer_looks_at_once_and_then_when_something_begins() -> None:
    schedule = schedule_of(every=timedelta(hours=1), jitter=timedelta(minutes=20))
    now = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    due_at = datetime(2026, 3, 1, 13, tzinfo=UTC)
    times = BeginTimes(schedule, timedelta())
    assert times.get_next_fire_time(None, now) == now
    assert times.get_next_fire_time(now, now) == schedule.timing.begins_at("count", due_at)


def test_the_timer_follows_the_clock_of_the_database() -> None:
    ahead = timedelta(minutes=3)
    now = datetime(2026, 3, 1, 12, 1, tzinfo=UTC)
    times = BeginTimes(schedule_of(every=timedelta(hours=1)), ahead)
    assert times.get_next_fire_time(now, now) == datetime(2026, 3, 1, 12, 3, tzinfo=UTC)


def test_of_two_schedulers_one_works_and_the_other_takes_over(database: Database) -> None:
    """The first may oversleep its lease: then it is the other one that works, and has a token of its own."""
    own, jobs = [schedule_of(every=timedelta(seconds=1))], (Ran(), Ran())
    first, second = (Program(database, own, job, owner) for job, owner in zip(jobs, ("a", "b"), strict=True))
    first.scheduler.start()
    wait_until(lambda: jobs[0].times >= 1)
    second.scheduler.start()
    wait_until(lambda: jobs[0].times + jobs[1].times >= 2)
    assert jobs[1].times == 0 or second.token() > 1
    first.scheduler.stop()
    seen = jobs[1].times
    wait_until(lambda: jobs[1].times > seen)
    second.scheduler.stop()
    assert second.token() > 1
    runs = first.runs()
    assert len({row.due_at for row in runs}) == len(runs) == jobs[0].times + jobs[1].times


def test_what_fell_due_while_nobody_worked_runs_once_however_often_a_process_starts(program: Program) -> None:
    due = program.schedules.get("count").due
    for owner in ("a", "b"):
        scheduler = Scheduler(program_runtime(program), owner, jobs={"count": program.job}, lease_time=SHORT)
        scheduler.start()
        wait_until(lambda: any(row.finished_at for row in program.runs()))
        scheduler.stop()
    assert program.job.times == 1
    assert program.schedules.get("count").due == due


def program_runtime(program: Program) -> Any:
    return SimpleNamespace(main=program.database, operations=program.operations, schedules=program.schedules)


def test_what_another_process_changes_is_noticed_while_running(database: Database) -> None:
    program = Program(database, [schedule_of()], Ran())
    program.schedules.pause("count", actor="ada")
    program.scheduler.start()
    wait_until(lambda: program.schedules.scheduler() is not None)
    elsewhere = Program(database, [schedule_of()], Ran()).schedules
    run = elsewhere.run_now("count", actor="ada")
    assert run.state is RunState.WAITING
    wait_until(lambda: elsewhere.get("count").runs[0].state is RunState.SUCCEEDED)
    elsewhere.resume("count", actor="ada")
    elsewhere.add(schedule_of("often", every=timedelta(seconds=1)))
    wait_until(lambda: len(program.runs("often")) >= 2)
    elsewhere.pause("often", actor="ada")
    wait_until(lambda: "often" not in program.scheduler._known)
    seen = len(program.runs("often"))
    program.scheduler.stop()
    assert len(program.runs("often")) == seen
    (asked,) = program.runs()
    assert (asked.due_at, asked.asked_by) == (None, "ada")


def test_what_falls_due_while_a_job_runs_is_run_after_it(database: Database) -> None:
    job = Ran()
    program = Program(database, [schedule_of(every=timedelta(hours=1))], job)

    def slow(_runtime: Any) -> str:
        if job.times == 0:
            age(database, schedule_runs, timedelta(hours=1))
        return job(_runtime)

    program.scheduler = Scheduler(program_runtime(program), "a", jobs={"count": slow}, lease_time=SHORT)
    assert program.scheduler.tick("count", program.lease())
    assert len(program.runs()) == job.times == 2


def test_one_that_has_nothing_more_to_come_can_be_paused_like_any_other(database: Database) -> None:
    program = Program(database, [schedule_of("often", every=timedelta(seconds=1))], Ran())
    program.scheduler.start()
    wait_until(lambda: program.scheduler._timer is not None)
    timer = program.scheduler._timer
    assert timer is not None
    wait_until(lambda: timer.get_job("often") is not None)
    timer.remove_job("often")
    program.schedules.pause("often", actor="ada")
    wait_until(lambda: "often" not in program.scheduler._known)
    program.schedules.resume("often", actor="ada")
    wait_until(lambda: "often" in program.scheduler._known)
    program.scheduler.stop()


def test_a_row_that_cannot_be_read_leaves_the_others_running(database: Database) -> None:
    program = Program(database, [schedule_of("broken"), schedule_of("often", every=timedelta(seconds=1))], Ran())
    with database.write() as connection:
        broken = schedules_table.update().where(schedules_table.c.id == "broken")
        connection.execute(broken.values(every_seconds=None, cron="every now and then"))
    program.scheduler.start()
    wait_until(lambda: len(program.runs("often")) > 0)
    program.scheduler.stop()
    assert program.runs("broken") == []


def test_a_run_of_a_process_that_died_is_closed_by_the_next_one(program: Program) -> None:
    ticks = program.scheduler._ticks
    dead = program.lease("dead")
    assert ticks.tick("count", dead)
    assert program.schedules.get("count").runs[0].state is RunState.RUNNING
    age(program.database, tables.leases, LEASE_TIME)
    ticks.close_interrupted(program.lease("next"))
    assert program.schedules.get("count").runs[0].error == INTERRUPTED


def test_stopping_one_that_was_never_started_is_fine(program: Program) -> None:
    program.scheduler.stop()
