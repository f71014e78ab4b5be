"""The scheduler: one process at a time, each due time at most once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.workers import tables
from cqrs.workers.leases import Lease, Leases
from cqrs.workers.scheduler import LEASE, LEASE_TIME, Scheduler
from cqrs.workers.schedules import ANCHOR, SCHEDULES, Schedule
from tests.operators.aging import age
from tests.waiting import wait_until

DAILY = timedelta(days=1)


class Ran:
    """A job that counts its runs."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times = 0
        self._error = error
        self._lock = threading.Lock()

    def __call__(self, _runtime: Any) -> None:
        with self._lock:
            self.times += 1
        if self._error:
            raise self._error


@pytest.fixture
def runtime(database: Database) -> Any:
    return SimpleNamespace(main=database)


def lease_of(database: Database, owner: str) -> Lease:
    lease = Leases(database).acquire(LEASE, owner, LEASE_TIME)
    assert lease is not None
    return lease


def runs(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.execute(sa.select(tables.schedule_runs)))


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (ANCHOR, ANCHOR),
        (ANCHOR + timedelta(seconds=9.4), ANCHOR),
        (ANCHOR + timedelta(seconds=9.6), ANCHOR + timedelta(seconds=10)),
        (ANCHOR + timedelta(seconds=35), ANCHOR + timedelta(seconds=30)),
    ],
)
def test_due_times_are_counted_from_the_anchor(now: datetime, due: datetime) -> None:
    assert Schedule("often", Ran(), timedelta(seconds=10)).due_at(now) == due


def test_a_due_time_is_run_once_by_however_many(runtime: Any, database: Database) -> None:
    job = Ran()
    schedule = Schedule("daily", job, DAILY)
    scheduler = Scheduler(runtime, "a")
    lease = lease_of(database, "a")
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: scheduler.tick(schedule, lease), range(8)))
    assert job.times == sum(ran) == 1
    (row,) = runs(database)
    assert row.schedule == "daily"
    assert row.due_at == schedule.due_at(datetime.now(UTC))
    assert row.error is None
    assert row.finished_at >= row.started_at


def test_who_lost_the_lease_runs_nothing(runtime: Any, database: Database) -> None:
    job = Ran()
    overslept = lease_of(database, "a")
    age(database, tables.leases, LEASE_TIME)
    lease_of(database, "b")
    assert not Scheduler(runtime, "a").tick(Schedule("daily", job, DAILY), overslept)
    assert job.times == 0
    assert runs(database) == []


def test_a_job_that_fails_says_so_in_its_row(runtime: Any, database: Database) -> None:
    schedule = Schedule("daily", Ran(ValueError("no disk")), DAILY)
    assert Scheduler(runtime, "a").tick(schedule, lease_of(database, "a"))
    (row,) = runs(database)
    assert row.error == "ValueError: no disk"


def test_of_two_schedulers_one_works_and_the_other_takes_over(runtime: Any, database: Database) -> None:
    job = Ran()
    schedules = [Schedule("often", job, timedelta(seconds=1))]
    pace = timedelta(seconds=0.6)
    first = Scheduler(runtime, "a", schedules=schedules, lease_time=pace)
    second = Scheduler(runtime, "b", schedules=schedules, lease_time=pace)
    first.start()
    wait_until(lambda: job.times >= 1)
    second.start()
    wait_until(lambda: job.times >= 2)
    assert {row.token for row in runs(database)} == {1}
    first.stop()
    seen = job.times
    wait_until(lambda: job.times > seen)
    second.stop()
    assert max(row.token for row in runs(database)) == 2
    assert len({row.due_at for row in runs(database)}) == len(runs(database)) == job.times


def test_what_fell_due_while_nobody_worked_runs_once_at_the_start(runtime: Any, database: Database) -> None:
    job = Ran()
    schedules = [Schedule("daily", job, DAILY)]
    for owner in ("a", "b"):
        scheduler = Scheduler(runtime, owner, schedules=schedules)
        scheduler.start()
        wait_until(lambda: any(row.finished_at for row in runs(database)))
        scheduler.stop()
    assert job.times == 1


def test_stopping_one_that_was_never_started_is_fine(runtime: Any) -> None:
    Scheduler(runtime, "a").stop()


def test_the_names_of_schedules_differ() -> None:
    assert len({schedule.name for schedule in SCHEDULES}) == len(SCHEDULES)
