"""A log that was put back from an older copy under rows that went on: noticed, stopped, with a way out."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cqrs.projections.status import ProjectionStatus, State
from cqrs.store.ordering import SHARED_LOCK
from cqrs.store.records import Expected
from cqrs.workers.operation import OperationState
from tests.projections.house import House
from tests.projections.library import ShelfPainted, append, borrowed, joined, recorded
from tests.reliability.conftest import Shelf
from tests.reliability.desk import Desk, run_to_end


def paint(desk: Desk) -> int:
    """An event that no projection handles."""
    return desk.events.append("shelf-1", [recorded(ShelfPainted(colour="red"))], expected=Expected.ANY)[-1].position


def catch_up(desk: Desk) -> ProjectionStatus:
    """As another worker would: `status.failure` says what it found."""
    runner = desk.projections.runner("members", "worker")
    run_to_end(runner)
    runner.release()
    return desk.projections.status("members")


def stopped(desk: Desk) -> str:
    """What the projection says about why it stands still."""
    status = catch_up(desk)
    assert status.state is State.FAILED, status
    assert status.failure is not None
    return status.failure.error


@pytest.fixture
def rewound(shelf: Shelf) -> Desk:
    """Rows went on to position 5; the log was put back to what it was at 3."""
    desk = shelf.desk("main", "read")
    append(desk.events, joined("m1"), joined("m2"), borrowed("m1"))
    shelf.copy("main", "backup")
    desk = shelf.desk("main", "read")
    append(desk.events, borrowed("m1"), borrowed("m2"))
    catch_up(desk)
    shelf.copy("backup", "main")
    return shelf.desk("main", "read")


def test_a_log_that_is_shorter_than_the_rows_stops_the_projection(rewound: Desk) -> None:
    error = stopped(rewound)
    assert "History changed at position 5 or before: the log ends at 3" in error
    assert "replay it from the log as it is now" in error
    assert rewound.rows()["m1"][0] == 2


def test_a_log_that_has_grown_again_is_told_by_its_events(rewound: Desk) -> None:
    append(rewound.events, *[borrowed("m2") for _ in range(7)])
    assert "the log no longer holds the event" in stopped(rewound)
    assert rewound.rows()["m2"][0] == 1


def test_a_checkpoint_that_moved_over_events_it_does_not_handle_is_told_as_well(shelf: Shelf) -> None:
    """The last event applied is in both logs; what came behind it is not."""
    desk = shelf.desk("main", "read")
    append(desk.events, joined("m1"), borrowed("m1"))
    shelf.copy("main", "backup")
    desk = shelf.desk("main", "read")
    paint(desk)
    paint(desk)
    assert catch_up(desk).checkpoint == 4
    shelf.copy("backup", "main")
    desk = shelf.desk("main", "read")
    append(desk.events, borrowed("m1"), borrowed("m1"), borrowed("m1"))
    assert "History changed at position 4" in stopped(desk)


def test_to_resume_is_to_look_again(rewound: Desk) -> None:
    stopped(rewound)
    rewound.projections.resume("members", actor="ana")
    assert "History changed" in stopped(rewound)


def test_with_the_right_log_back_it_goes_on(shelf: Shelf) -> None:
    desk = shelf.desk("main", "read")
    append(desk.events, joined("m1"))
    shelf.copy("main", "backup")
    desk = shelf.desk("main", "read")
    append(desk.events, borrowed("m1"))
    catch_up(desk)
    shelf.copy("main", "right")
    shelf.copy("backup", "main")
    assert "History changed" in stopped(shelf.desk("main", "read"))
    shelf.copy("right", "main")
    desk = shelf.desk("main", "read")
    append(desk.events, borrowed("m1"))
    desk.projections.resume("members", actor="ana")
    status = catch_up(desk)
    assert (status.failure, status.checkpoint) == (None, 3)
    assert desk.rows() == desk.folded()


@pytest.mark.parametrize("grown", [0, 7])
def test_a_replay_makes_rows_of_the_history_there_is(rewound: Desk, grown: int) -> None:
    """An operator approves it where many rows differ: that is for people to decide."""
    if grown:
        append(rewound.events, *[borrowed("m2") for _ in range(grown)])
    stopped(rewound)
    house = House(rewound.main, read=rewound.read)
    operation = house.replay()
    if operation.state is OperationState.WAITING:
        house.operations.approve(operation.id, actor="ana")
        operation = house.work(operation)
    assert operation.state is OperationState.SUCCEEDED, operation
    append(rewound.events, borrowed("m1"))
    status = catch_up(rewound)
    assert (status.failure, status.checkpoint) == (None, rewound.events.head())
    assert rewound.rows() == rewound.folded()


def test_a_build_does_not_go_on_over_another_history(shelf: Shelf) -> None:
    desk = shelf.desk("main", "read")
    append(desk.events, joined("m1"))
    shelf.copy("main", "backup")
    desk = shelf.desk("main", "read")
    append(desk.events, borrowed("m1"))
    catch_up(desk)
    number = desk.projections.create_generation("members")
    builder = desk.projections.runner("members", "builder", generation=number)
    run_to_end(builder)
    builder.release()
    shelf.copy("backup", "main")
    desk = shelf.desk("main", "read")
    append(desk.events, *[borrowed("m1") for _ in range(3)])
    run_to_end(desk.projections.runner("members", "builder", generation=number))
    (built,) = [each for each in desk.store.generations()[1] if each.number == number]
    assert built.failure is not None
    assert built.position == 2


def test_older_rows_only_have_to_catch_up(shelf: Shelf) -> None:
    desk = shelf.desk("main", "read")
    append(desk.events, joined("m1"))
    catch_up(desk)
    shelf.copy("read", "older")
    desk = shelf.desk("main", "read")
    append(desk.events, borrowed("m1"))
    catch_up(desk)
    shelf.copy("older", "read")
    desk = shelf.desk("main", "read")
    assert catch_up(desk).failure is None
    assert desk.rows() == desk.folded()


def test_both_put_back_together_are_one_history(shelf: Shelf) -> None:
    desk = shelf.desk()
    append(desk.events, joined("m1"))
    catch_up(desk)
    shelf.copy("main", "backup")
    desk = shelf.desk()
    append(desk.events, borrowed("m1"))
    catch_up(desk)
    shelf.copy("backup", "main")
    desk = shelf.desk()
    append(desk.events, borrowed("m1"), borrowed("m1"))
    assert catch_up(desk).failure is None
    assert desk.rows()["m1"][0] == 2


def test_a_worker_notices_it_without_being_started_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    append(desk.events, joined("m1"), borrowed("m1"))
    runner = desk.projections.runner("members", "worker")
    run_to_end(runner)
    monkeypatch.setattr(desk.events, "safe_head", lambda: 1)
    monkeypatch.setattr(desk.events, "head", lambda: 1)
    runner.step()
    failure = desk.projections.status("members").failure
    assert failure is not None
    assert "the log ends at 1" in failure.error


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
def test_a_process_that_has_proven_less_than_the_one_before_raises_no_alarm(shelf: Shelf) -> None:
    """A hole below the checkpoint was proven dead by another process; here it still waits for a later transaction."""
    desk = shelf.desk()
    append(desk.events, joined("m1"))
    burn_a_position(desk)
    append(desk.events, borrowed("m1"))
    checkpoint = catch_up(desk).checkpoint
    with shelf.open("main").write() as other:
        other.exec_driver_sql("DELETE FROM order_progress")
        other.exec_driver_sql("DELETE FROM dead_positions")
    with shelf.open("main").write() as other:
        hold_the_order(other)
        late = shelf.desk()
        assert late.events.safe_head() < (checkpoint or 0)
        runner = late.projections.runner("members", "late")
        assert runner.step().is_tail
        assert late.projections.status("members").failure is None


def burn_a_position(desk: Desk) -> None:
    with desk.main.engine.connect() as connection:
        connection.exec_driver_sql("SELECT nextval(pg_get_serial_sequence('events', 'position'))")


def hold_the_order(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"SELECT {SHARED_LOCK}")
