"""Operations survive their workers: claimed once, resumed after a crash, cancelled and reviewed in every state."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from cqrs.errors import (
    NotFound,
    OperationCancelled,
    OperationFinished,
    OperationHeld,
    OperationInTheWay,
    OperationLost,
    OperationNotWaiting,
)
from cqrs.store.database import Database
from cqrs.workers.operation import OperationState
from cqrs.workers.operation_tables import operations
from cqrs.workers.operations import Operations
from cqrs.workers.run import LOG_LINES_KEPT, Run

KINDS = ("replay", "rollback", "repair", "check")


@pytest.fixture
def desk(database: Database) -> Operations:
    return Operations(database)


def claimed(desk: Operations, owner: str = "worker-1") -> Run:
    run = desk.claim(owner, KINDS)
    assert run is not None
    return run


def claimed_after_the_lease(desk: Operations, owner: str) -> Run:
    """The lease of whoever has it runs out, by the clock of the database."""
    with desk._database.write() as connection:
        now = desk._database.now(connection)
        connection.execute(operations.update().values(lease_until=now - timedelta(seconds=1)))
    return claimed(desk, owner)


def test_a_request_is_claimed_by_one_worker_only(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana", parameters={"review": True}, reason="fixed rounding")
    run = claimed(desk)
    assert run.operation.id == asked.id
    assert run.parameters == {"review": True}
    assert desk.claim("worker-2", KINDS) is None
    running = desk.get(asked.id)
    assert (running.state, running.owner, running.attempts) == (OperationState.RUNNING, "worker-1", 1)


def test_a_worker_only_claims_the_kinds_it_can_do(desk: Operations) -> None:
    desk.request("check", "orders", actor="ana")
    assert desk.claim("worker-1", ("replay",)) is None
    assert desk.claim("worker-1", ("check",)) is not None


def test_a_second_exclusive_operation_is_refused_and_a_check_is_not(desk: Operations) -> None:
    first = desk.request("replay", "orders", actor="ana")
    with pytest.raises(OperationInTheWay, match="A replay of orders is not finished") as refused:
        desk.request("repair", "orders", actor="ben")
    assert refused.value.id == first.id
    desk.request("check", "orders", actor="ben")
    desk.request("replay", "users", actor="ben")


def test_a_finished_operation_is_in_nobodys_way(desk: Operations) -> None:
    desk.request("replay", "orders", actor="ana")
    claimed(desk).succeed({"generation": 2})
    assert desk.request("replay", "orders", actor="ana").state is OperationState.REQUESTED


def test_many_who_ask_at_once_get_one_replay(desk: Operations) -> None:
    outcomes: list[str] = []

    def ask() -> None:
        try:
            outcomes.append(desk.request("replay", "orders", actor="ana").id)
        except OperationInTheWay:
            outcomes.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 7


def test_phases_progress_and_errors_are_told(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    run = claimed(desk)
    run.phase("building", total=1000)
    run.error("ValueError at 17")
    run.phase("comparing", total=10)
    told = desk.get(asked.id)
    assert [phase.name for phase in told.phases] == ["building", "comparing"]
    assert told.phases[0].finished_at is not None
    assert told.phases[1].finished_at is None
    assert (told.phase, told.total, told.errors, told.error_count) == ("comparing", 10, ["ValueError at 17"], 1)
    assert told.eta_seconds is None, "nothing was measured yet, so the time left is unknown"


def test_an_operation_left_behind_is_taken_up_again_and_the_first_worker_is_fenced(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    first = claimed(desk)
    first.phase("building", total=1000)
    second = claimed_after_the_lease(desk, "worker-2")
    assert second.operation.id == asked.id
    assert second.operation.attempts == 2
    with pytest.raises(OperationLost):
        first.phase("comparing")
    with pytest.raises(OperationLost):
        first.log("still here")
    with pytest.raises(OperationLost):
        first.succeed({})
    second.phase("building", total=1000)
    assert [phase.name for phase in desk.get(asked.id).phases] == ["building"], "a resumed phase is not told twice"


def test_what_nobody_works_on_is_cancelled_at_once(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    assert desk.cancel(asked.id, actor="ben").state is OperationState.CANCELLED
    assert desk.claim("worker-1", KINDS) is None
    with pytest.raises(OperationFinished, match="already cancelled"):
        desk.cancel(asked.id, actor="ben")


def test_a_running_operation_is_told_and_says_what_it_left(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    run = claimed(desk)
    run.phase("building")
    assert desk.cancel(asked.id, actor="ben").state is OperationState.CANCELLING
    with pytest.raises(OperationCancelled):
        run.phase("comparing")
    run.cleaning_up()
    run.phase("dropping")
    run.cancelled("Generation 2 was dropped. Readers stay on generation 1.")
    done = desk.get(asked.id)
    assert (done.state, done.cancelled_by) == (OperationState.CANCELLED, "ben")
    assert done.result == {"outcome": "Generation 2 was dropped. Readers stay on generation 1."}


def test_a_cancel_outlives_the_worker_that_should_have_heard_it(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    claimed(desk)
    desk.cancel(asked.id, actor="ben")
    second = claimed_after_the_lease(desk, "worker-2")
    with pytest.raises(OperationCancelled):
        second.phase("building")


def test_review_holds_no_worker_and_approval_brings_it_back(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    run = claimed(desk)
    run.phase("comparing")
    with pytest.raises(OperationHeld):
        run.hold_for_review({"changed": 12})
    waiting = desk.get(asked.id)
    assert (waiting.state, waiting.result) == (OperationState.WAITING, {"changed": 12})
    assert desk.claim("worker-1", KINDS) is None
    desk.approve(asked.id, actor="ben")
    again = claimed(desk, "worker-2")
    assert again.approved
    with pytest.raises(OperationNotWaiting):
        desk.approve(asked.id, actor="ben")


def test_a_waiting_operation_can_be_cancelled(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    with pytest.raises(OperationHeld):
        claimed(desk).hold_for_review({})
    desk.cancel(asked.id, actor="ben")
    with pytest.raises(OperationCancelled):
        claimed(desk).phase("dropping")


def test_only_two_replays_run_at_once_and_checks_go_on(desk: Operations) -> None:
    for projection in ("orders", "users", "user_stats"):
        desk.request("replay", projection, actor="ana")
    desk.request("check", "orders", actor="ana")
    kinds = [claimed(desk, f"worker-{n}").operation.kind for n in range(3)]
    assert kinds == ["replay", "replay", "check"]
    assert desk.claim("worker-9", KINDS) is None


def test_the_log_keeps_its_newest_lines(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    run = claimed(desk)
    for n in range(LOG_LINES_KEPT + 5):
        run.log(f"line {n + 1}")
    lines = desk.log(asked.id, limit=LOG_LINES_KEPT + 50)
    assert len(lines) == LOG_LINES_KEPT
    assert lines[0].text == f"line {LOG_LINES_KEPT + 5}"


def test_a_failure_ends_with_its_reason_shown(desk: Operations) -> None:
    asked = desk.request("replay", "orders", actor="ana")
    claimed(desk).fail("ValueError at event 17: amount is not a number.")
    failed = desk.get(asked.id)
    assert failed.state is OperationState.FAILED
    assert failed.errors == ["ValueError at event 17: amount is not a number."]
    assert failed.finished_at is not None


def test_pages_filter_and_go_back_in_time(desk: Operations) -> None:
    ids = [desk.request("check", name, actor="ana").id for name in ("a", "b", "c")]
    assert [found.id for found in desk.page(limit=2)] == [ids[2], ids[1]]
    assert [found.id for found in desk.page(before=ids[1])] == [ids[0]]
    assert [found.projection for found in desk.page(projection="b")] == ["b"]
    assert desk.page(state="running") == []
    with pytest.raises(NotFound, match="no operation nothing"):
        desk.get("nothing")
