"""However an operation ends, its row says so, and what it left behind is removed or told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cqrs.errors import DatabaseUnavailable
from cqrs.store.database import Database
from cqrs.workers.operation import OperationState
from cqrs.workers.operation_runner import OperationRunner
from cqrs.workers.operations import Operations
from cqrs.workers.run import Run


class Doing:
    """A handler that does what the test says."""

    def __init__(self, work: Callable[[Run], Mapping[str, Any]]) -> None:
        self.work = work
        self.undone = 0

    def carry_out(self, run: Run) -> Mapping[str, Any]:
        return self.work(run)

    def undo(self, run: Run) -> str:
        self.undone += 1
        run.phase("dropping")
        return "Generation 2 was dropped."


@pytest.fixture
def desk(database: Database) -> Operations:
    return Operations(database)


def runner(desk: Operations, handler: Doing) -> OperationRunner:
    return OperationRunner(desk, {"replay": handler}, "worker-1")


def test_without_work_there_is_nothing_to_do(desk: Operations) -> None:
    desk.request("check", "orders", actor="ana")
    assert runner(desk, Doing(lambda run: {})).step() is False


def test_what_the_handler_returns_is_the_result(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    handler = Doing(lambda run: {"generation": 2})
    assert runner(desk, handler).step() is True
    done = desk.get(asked.id)
    assert (done.state, done.result, handler.undone) == (OperationState.SUCCEEDED, {"generation": 2}, 0)


def test_a_cancel_undoes_and_says_what_is_left(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")

    def work(run: Run) -> Mapping[str, Any]:
        desk.cancel(asked.id, actor="ben")
        run.phase("building")
        return {}

    handler = Doing(work)
    runner(desk, handler).step()
    done = desk.get(asked.id)
    assert (done.state, done.result, handler.undone) == (
        OperationState.CANCELLED,
        {"outcome": "Generation 2 was dropped."},
        1,
    )


def test_a_failure_undoes_and_shows_its_reason(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")

    def work(run: Run) -> Mapping[str, Any]:
        run.phase("building")
        raise ValueError("amount is not a number")

    handler = Doing(work)
    runner(desk, handler).step()
    done = desk.get(asked.id)
    assert done.state is OperationState.FAILED
    assert done.errors == ["ValueError: amount is not a number Generation 2 was dropped."]
    assert handler.undone == 1


def test_a_review_leaves_everything_as_it_is(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")

    def work(run: Run) -> Mapping[str, Any]:
        if not run.approved:
            run.hold_for_review({"changed": 12})
        return {"generation": 2}

    handler = Doing(work)
    runner(desk, handler).step()
    assert desk.get(asked.id).state is OperationState.WAITING
    desk.approve(asked.id, actor="ben")
    runner(desk, handler).step()
    assert desk.get(asked.id).state is OperationState.SUCCEEDED
    assert handler.undone == 0


def test_a_database_that_goes_away_fails_nothing(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")

    def work(run: Run) -> Mapping[str, Any]:
        raise DatabaseUnavailable(database="read", why="it does not answer")

    handler = Doing(work)
    with pytest.raises(DatabaseUnavailable):
        runner(desk, handler).step()
    assert desk.get(asked.id).state is OperationState.RUNNING
    assert handler.undone == 0
