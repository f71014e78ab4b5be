"""Jobs: what they leave behind, and what they forget."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from cqrs.messages import Context
from cqrs.operators import tables as operators
from cqrs.runtime import Runtime
from cqrs.store.tables import idempotency
from cqrs.workers import jobs, tables
from cqrs.workers.leases import Leases
from cqrs.workers.samples import LOG
from cqrs.workers.scheduler import LEASE, LEASE_TIME, Scheduler
from cqrs.workers.schedules import SCHEDULES
from tests.operators.aging import age


def create_user(runtime: Runtime, number: int) -> None:
    fields = {"name": "Ada", "email": f"ada{number}@example.org", "password": "correct horse"}
    command = runtime.catalogue.commands["CreateUser"](**fields)
    runtime.mediator.send(command, Context(idempotency_key=f"key {number}"))


def count(runtime: Runtime, table: sa.Table) -> int:
    with runtime.main.read() as connection:
        return len(connection.execute(sa.select(table)).all())


def test_every_schedule_runs_on_a_real_program(runtime: Runtime) -> None:
    create_user(runtime, 1)
    lease = Leases(runtime.main).acquire(LEASE, "a", LEASE_TIME)
    assert lease is not None
    scheduler = Scheduler(runtime, "a")
    for schedule in SCHEDULES:
        assert scheduler.tick(schedule, lease)
    with runtime.main.read() as connection:
        runs = connection.execute(sa.select(tables.schedule_runs)).all()
    assert [run.error for run in runs] == [None] * len(SCHEDULES)


def test_sampling_measures_the_log_and_each_projection(runtime: Runtime) -> None:
    create_user(runtime, 1)
    runtime.projections.catch_up("users")
    jobs.sample(runtime)
    log, users, orders = (runtime.samples.series(name, 10, points=1)[0] for name in (LOG, "users", "orders"))
    assert log is not None
    assert users is not None
    assert orders is not None
    assert log.head == 1
    assert (users.checkpoint, users.lag_events) == (1, 0)
    assert (orders.checkpoint, orders.lag_events) == (0, 1)


def test_what_is_over_is_forgotten_and_the_rest_is_kept(runtime: Runtime) -> None:
    person = runtime.people.ensure_built_in()
    runtime.people.link(person.name, by="system")
    runtime.sessions.start(person, address="::1", agent="")
    runtime.throttle.failed("sign-in:::1")
    runtime.workers.beat("a", host="here", pid=7)
    create_user(runtime, 1)
    forgotten = (
        operators.sign_in_links, operators.sessions, operators.throttle, tables.workers, idempotency,
    )  # fmt: skip
    jobs.prune(runtime)
    assert [count(runtime, table) for table in forgotten] == [1] * 5
    for table in forgotten:
        age(runtime.main, table, timedelta(days=31))
    create_user(runtime, 2)
    jobs.prune(runtime)
    assert [count(runtime, table) for table in forgotten] == [0, 0, 0, 0, 1]
    assert runtime.events.head() == 2


def test_many_rows_are_deleted_in_slices(runtime: Runtime) -> None:
    for number in range(1, 1 + 7):
        with runtime.main.write() as connection:
            moment = runtime.main.now(connection) - timedelta(days=number)
            row = {"schedule": f"s{number}", "due_at": moment, "token": 1, "started_at": moment}
            connection.execute(tables.schedule_runs.insert().values(row))
    runs = tables.schedule_runs
    assert jobs.delete_older(runtime.main, runs, runs.c.started_at, timedelta(days=3.5)) == 4
    assert count(runtime, runs) == 3
