"""What is asked of the runtime about replays, by people, by schedules, and by a worker that stops in the middle."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cqrs.domain import Domain
from cqrs.errors import InvalidMessage, NotFound, OperationInTheWay, PreflightChanged, TooLittleSpace
from cqrs.messages import Context
from cqrs.projections.projection import Projection
from cqrs.runtime import Runtime
from cqrs.workers import jobs
from cqrs.workers.operation import Operation, OperationState
from cqrs.workers.operation_runner import OperationRunner
from cqrs.workers.replay_speed import replay_speed
from cqrs.workers.run import Run
from cqrs.workers.worker import Worker
from tests.conftest import RuntimeFactory
from tests.library import BuyBook, LendBook, LentBooks, lent_books, library
from tests.waiting import wait_until


@pytest.fixture
def runtime(migrated_instance: Path, new_runtime: RuntimeFactory) -> Runtime:
    runtime = new_runtime(library)
    runtime.init()
    for number in range(3):
        buy = BuyBook(title=f"Book {number}", price="1.00", mark=f"A{number}")  # type: ignore[arg-type]
        book = runtime.mediator.send(buy, Context()).result["book_id"]
        runtime.mediator.send(LendBook(book_id=book, reader="ada"), Context())
    runtime.projections.catch_up()
    return runtime


@pytest.fixture
def carry_out(runtime: Runtime) -> Callable[[Operation], Operation]:
    def carry_out(asked: Operation) -> Operation:
        OperationRunner(runtime.operations, runtime.operation_handlers, "worker").step()
        return runtime.operations.get(asked.id)

    return carry_out


CarryOut = Callable[[Operation], Operation]


def test_a_preflight_tells_what_a_replay_would_mean(runtime: Runtime) -> None:
    told = runtime.projections.preflight("lent_books")
    assert (told.events, told.rows, told.rows_capped, told.generation, told.next_generation) == (6, 3, False, 1, 2)
    assert (told.in_the_way, told.logic_changed, told.shape_changed, told.measured) == (None, False, None, False)
    assert told.handles == ("BookLent", "BookReturned")
    assert told.seconds is not None
    assert told.bytes_free is not None
    with pytest.raises(NotFound):
        runtime.projections.preflight("nothing")


def test_it_names_what_is_in_the_way(runtime: Runtime) -> None:
    before = runtime.projections.preflight("lent_books")
    asked = runtime.start_replay("lent_books", actor="ana", reason="why not")
    assert (asked.kind, asked.actor, asked.reason) == ("replay", "ana", "why not")
    told = runtime.projections.preflight("lent_books")
    assert told.in_the_way == "A replay of lent_books is not finished. Wait for it, or cancel it, then ask again."
    assert told.digest != before.digest
    with pytest.raises(OperationInTheWay):
        runtime.start_replay("lent_books", actor="bob", digest=before.digest)


def test_after_a_replay_its_speed_is_known(runtime: Runtime, carry_out: CarryOut) -> None:
    done = carry_out(runtime.start_replay("lent_books", actor="ana"))
    assert (done.state, done.result["generation"]) == (OperationState.SUCCEEDED, 2)  # type: ignore[index]
    told = runtime.projections.preflight("lent_books")
    assert (told.measured, told.rate) == (True, replay_speed(runtime.operations, "lent_books"))


def test_what_changed_since_it_was_shown_must_be_looked_at_again(runtime: Runtime, carry_out: CarryOut) -> None:
    shown = runtime.projections.preflight("lent_books")
    carry_out(runtime.start_replay("lent_books", actor="ana", digest=shown.digest))
    with pytest.raises(PreflightChanged, match="a replay of lent_books"):
        runtime.start_replay("lent_books", actor="bob", digest=shown.digest)


def test_more_events_are_no_reason_to_look_again(runtime: Runtime) -> None:
    shown = runtime.projections.preflight("lent_books")
    runtime.mediator.send(BuyBook(title="New", price="1.00", mark="N"), Context())  # type: ignore[arg-type]
    assert runtime.projections.preflight("lent_books").digest == shown.digest


def test_a_disk_that_is_too_full(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    told = dataclasses.replace(runtime.projections.preflight("lent_books"), bytes_needed=1_000, bytes_free=1_400)
    monkeypatch.setattr(runtime.projections, "preflight", lambda name: told)
    with pytest.raises(TooLittleSpace, match="about 1,000 bytes, but the disk has room for 1,400 only"):
        runtime.start_replay("lent_books", actor="ana")


def test_a_roll_back_across_a_change_of_logic_needs_a_reason(runtime: Runtime, carry_out: CarryOut) -> None:
    carry_out(runtime.start_replay("lent_books", actor="ana"))
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE generations SET logic = 'older' WHERE generation = 1")
    with pytest.raises(InvalidMessage, match="reason: Generation 1 was made by other code: say why"):
        runtime.start_rollback("lent_books", actor="ana")
    done = carry_out(runtime.start_rollback("lent_books", actor="ana", reason="it was better"))
    assert done.state is OperationState.SUCCEEDED
    assert runtime.projections.status("lent_books").generation == 1


# Schedules


def test_what_was_kept_for_a_day_is_dropped(runtime: Runtime, carry_out: CarryOut) -> None:
    carry_out(runtime.start_replay("lent_books", actor="ana"))
    assert jobs.drop_generations(runtime) == "nothing to drop"
    with runtime.read.write() as connection:
        connection.exec_driver_sql(
            "UPDATE generations SET kept_at = '2026-01-01T00:00:00.000000Z' WHERE generation = 1"
        )
    (kept,) = [each for each in runtime.projections.generations("lent_books") if each.kept_at]
    assert kept.dropped_at is not None
    assert kept.kept_at is not None
    assert kept.dropped_at - kept.kept_at == timedelta(hours=24)
    assert jobs.drop_generations(runtime) == "generation 1 of lent_books"


@pytest.fixture
def grown(new_runtime: RuntimeFactory, runtime: Runtime) -> Iterator[Runtime]:
    """The program after its projection got another column."""
    table = lent_books.to_metadata(sa.MetaData())
    table.append_column(sa.Column("shelf", sa.Text))
    projection: type[Projection] = type("LentBooks", (LentBooks,), {"table": table})
    wider = Domain(
        "library",
        events=library.events,
        aggregates=library.aggregates,
        command_handlers=library.command_handlers,
        query_handlers=library.query_handlers,
        projections=[projection],
        write_models=library.write_models,
    )
    return new_runtime(wider)  # type: ignore[return-value]


def test_other_columns_begin_a_replay_by_themselves(grown: Runtime, runtime: Runtime) -> None:
    jobs.replay_outgrown(runtime)
    assert runtime.operations.page() == []
    jobs.replay_outgrown(grown)
    jobs.replay_outgrown(grown)
    (asked,) = grown.operations.page()
    assert (asked.kind, asked.actor, asked.reason) == (
        "replay",
        "system",
        "Its columns changed: it has no column shelf.",
    )
    assert grown.projections.outgrown() == {"lent_books": "it has no column shelf"}
    OperationRunner(grown.operations, grown.operation_handlers, "worker").step()
    assert grown.projections.outgrown() == {}
    jobs.replay_outgrown(grown)
    assert len(grown.operations.page()) == 1


def test_one_that_was_cancelled_is_not_begun_again_by_itself(grown: Runtime) -> None:
    jobs.replay_outgrown(grown)
    (asked,) = grown.operations.page()
    grown.operations.cancel(asked.id, actor="ana")
    jobs.replay_outgrown(grown)
    assert len(grown.operations.page()) == 1


# Workers


def test_a_worker_carries_out_what_is_asked_for(runtime: Runtime) -> None:
    worker = Worker(runtime)
    worker.start()
    try:
        asked = runtime.start_replay("lent_books", actor="ana")
        wait_until(lambda: runtime.operations.get(asked.id).state.finished, 30)
    finally:
        worker.stop()
    assert runtime.operations.get(asked.id).state is OperationState.SUCCEEDED


def test_a_worker_that_stops_sets_its_operation_aside_for_the_next(runtime: Runtime, carry_out: CarryOut) -> None:
    asked = runtime.start_replay("lent_books", actor="ana")
    stopping = OperationRunner(runtime.operations, runtime.operation_handlers, "worker-1", lambda: True)
    assert stopping.step()
    left = runtime.operations.get(asked.id)
    assert (left.state, left.owner) == (OperationState.RUNNING, None)
    done = carry_out(asked)
    assert (done.state, done.attempts) == (OperationState.SUCCEEDED, 2)


def test_cleaning_up_is_not_set_aside(runtime: Runtime) -> None:
    runtime.start_replay("lent_books", actor="ana")
    run: Run | None = runtime.operations.claim("worker-1", ("replay",))
    assert run is not None
    run.stopping = lambda: True
    run.phase("build")
    run.cleaning_up()
    run.progress(1)
    run.cancelled("Nothing was left.")
