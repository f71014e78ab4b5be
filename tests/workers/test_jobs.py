"""Jobs: what they leave behind, and what they forget."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from cqrs.drift.tables import checks
from cqrs.identifiers import new_id
from cqrs.messages import Context
from cqrs.operators import tables as operators
from cqrs.runtime import Runtime
from cqrs.store.tables import idempotency
from cqrs.workers import jobs, tables
from cqrs.workers.default_schedules import HOUSEKEEPING
from cqrs.workers.jobs import JOBS
from cqrs.workers.operation_runner import OperationRunner
from cqrs.workers.operation_tables import operations
from cqrs.workers.retention import delete_older
from cqrs.workers.samples import LOG
from cqrs.workers.schedule_tables import schedule_runs
from tests.operators.aging import age


def create_user(runtime: Runtime, number: int) -> None:
    fields = {"name": "Ada", "email": f"ada{number}@example.org", "password": "correct horse"}
    command = runtime.catalogue.commands["CreateUser"](**fields)
    runtime.mediator.send(command, Context(idempotency_key=f"key {number}"))


def count(runtime: Runtime, table: sa.Table) -> int:
    with runtime.main.read() as connection:
        return len(connection.execute(sa.select(table)).all())


def test_every_job_runs_on_a_real_program_and_says_what_it_did(runtime: Runtime) -> None:
    create_user(runtime, 1)
    assert {each.kind for each in HOUSEKEEPING} == set(JOBS)
    for job in JOBS.values():
        assert job(runtime)


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
        add_run(runtime, f"s{number}", timedelta(days=number))
    moment = schedule_runs.c.requested_at
    assert delete_older(runtime.main, schedule_runs, moment, timedelta(days=3.5)) == 4
    assert count(runtime, schedule_runs) == 3


def test_runs_of_what_runs_all_the_time_are_kept_for_an_hour(runtime: Runtime) -> None:
    add_run(runtime, "sample", timedelta(hours=2))
    add_run(runtime, "sample", timedelta(minutes=2))
    add_run(runtime, "roll-up", timedelta(hours=2))
    jobs.prune(runtime)
    with runtime.main.read() as connection:
        kept = connection.execute(sa.select(schedule_runs.c.schedule)).scalars()
        assert sorted(kept) == ["roll-up", "sample"]


def test_of_what_is_long_over_the_last_of_each_kind_stays(runtime: Runtime) -> None:
    for _ in range(2):
        runtime.start_check("orders", actor="ada")
    waiting = runtime.start_check("users", actor="ada")
    runner = OperationRunner(runtime.operations, runtime.operation_handlers, "me")
    while runner.step():
        pass
    runtime.operations.request("repair", "users", actor="ada", parameters={"keys": []})
    for table in (operations, checks):
        age(runtime.main, table, timedelta(days=91))
    assert jobs.forget(runtime) == "1 operation, 1 check and 0 runs removed"
    assert waiting.id in [each.id for each in runtime.operations.page()]
    assert [each.projection for each in runtime.checks.page()] == ["users", "orders"]
    assert len(runtime.operations.page()) == 3


def add_run(runtime: Runtime, schedule: str, before: timedelta) -> None:
    with runtime.main.write() as connection:
        moment = runtime.main.now(connection) - before
        row = {"id": new_id(), "schedule": schedule, "due_at": moment, "requested_at": moment, "skipped": False}
        connection.execute(schedule_runs.insert().values(row))
