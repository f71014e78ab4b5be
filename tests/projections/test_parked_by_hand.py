"""Where a projection stops at an event, an operator sets its key aside, or passes over the event: the others go on."""

from __future__ import annotations

from typing import Any

import pytest

from cqrs.errors import InvalidMessage, NoKeyToSetAside, NotStopped
from cqrs.projections.parked import SetAside
from cqrs.projections.projection import on
from cqrs.store.database import Database
from cqrs.workers.operation import OperationState
from tests.projections.house import Fussy, House
from tests.projections.library import BookBorrowed, BookPassedOn, Members, append, borrowed, both, joined

#: Of the second loan of ada.
STOP = 4
WHY = "the book does not exist"


class Strict(Fussy):
    on_error = "stop"


class Lenient(Members):
    """The same projection once its handler is corrected."""

    on_error = "stop"


@pytest.fixture
def house(database: Database) -> House:
    """It stopped at the second of ada's four loans; one loan of bob waits as well."""
    house = House(database, Strict)
    append(house.events, joined("ada"), joined("bob", "Bob"), borrowed("ada", fee="1.00"))
    append(house.events, borrowed("ada", "Ulysses", fee="5.00"), borrowed("bob"))
    append(house.events, borrowed("ada", fee="2.00"), borrowed("ada", fee="3.00"))
    move(house)
    assert house.rows() == {"ada": ("Ada", 1, 1.0), "bob": ("Bob", 0, 0.0)}
    return house


def move(house: House, owner: str = "worker") -> None:
    """As far as it goes, or until it stops."""
    runner = house.projections.runner("members", owner)
    while not (outcome := runner.step()).is_tail and not outcome.delay:
        pass
    runner.release()


def park(house: House, position: int = STOP) -> None:
    house.projections.park_failing("members", position, actor="ana", reason=WHY)


def parked(house: House) -> dict[str, tuple[int, int]]:
    return {each.key: (each.position, each.held) for each in house.projections.parked("members").items}


def test_the_key_is_parked_and_all_others_go_on(house: House) -> None:
    key = house.projections.park_failing("members", STOP, actor="ana", reason=WHY)
    assert key == house.projections.parked("members").items[0], "when it was parked is told, as in the list"
    assert (key.key, key.position, key.error) == ("ada", STOP, "ValueError: nobody finishes it")
    assert house.projections.status("members").failure is None
    move(house)
    assert house.rows() == {"ada": ("Ada", 1, 1.0), "bob": ("Bob", 1, 0.5)}
    assert parked(house) == {"ada": (STOP, 3)}
    (found,) = house.projections.parked("members").items
    assert (found.parked_by, found.reason, found.attempts, found.event_type) == ("ana", WHY, 2, "BookBorrowed")
    assert [house.projections.set_aside("members", position) for position in (STOP, 5, 6)] == [
        SetAside.PARKED,
        None,
        SetAside.WAITING,
    ]


def test_what_was_held_is_applied_in_order_once_the_code_is_right(house: House, database: Database) -> None:
    park(house)
    move(house)
    fixed = House(database, Lenient)
    assert fixed.projections.retry_parked("members", "ada").keys == ["ada"]
    assert (fixed.rows()["ada"], parked(fixed)) == (("Ada", 4, 11.0), {})
    append(fixed.events, borrowed("ada"))
    move(fixed)
    assert fixed.rows()["ada"] == ("Ada", 5, 11.5)


def test_a_key_that_fails_again_stays_parked_and_stops_nobody(house: House) -> None:
    park(house)
    assert [each.key for each in house.projections.retry_parked("members", "ada").failed] == ["ada"]
    move(house)
    assert (parked(house), house.rows()["bob"]) == ({"ada": (STOP, 3)}, ("Bob", 1, 0.5))


def test_it_stops_again_at_the_next_key_that_fails(house: House) -> None:
    append(house.events, borrowed("bob", "Ulysses"), borrowed("ada", "Ulysses"))
    park(house)
    move(house)
    failure = house.projections.status("members").failure
    assert failure is not None
    assert (failure.position, failure.key, parked(house)) == (8, "bob", {"ada": (STOP, 3)})
    park(house, 8)
    move(house)
    assert parked(house) == {"ada": (STOP, 4), "bob": (8, 1)}


def test_the_event_is_passed_over_for_good(house: House) -> None:
    assert house.projections.skip_failing("members", STOP, reason=f" {WHY} ", actor="ana") == "ada"
    move(house)
    assert (house.rows()["ada"], parked(house)) == (("Ada", 3, 6.0), {})
    (skipped,) = house.projections.skipped("members").items
    assert (skipped.position, skipped.key, skipped.reason, skipped.by) == (STOP, "ada", WHY, "ana")
    assert house.replay().state is OperationState.SUCCEEDED
    assert house.rows()["ada"] == ("Ada", 3, 6.0)


def test_skipping_needs_a_reason(house: House) -> None:
    with pytest.raises(InvalidMessage, match="reason: Say why"):
        house.projections.skip_failing("members", STOP, reason=" ", actor="ana")
    assert house.projections.status("members").failure is not None


def test_what_was_skipped_is_told_by_page_newest_first(database: Database) -> None:
    house = House(database, type("Strictest", (Strict,), {}))
    append(house.events, *(joined(name) for name in ("a", "b", "c")))
    append(house.events, *(borrowed(name, "Ulysses") for name in ("a", "b", "c")))
    for position in (4, 5, 6):
        move(house)
        house.projections.skip_failing("members", position, reason=WHY, actor="ana")
    page = house.projections.skipped("members", limit=2)
    rest = house.projections.skipped("members", cursor=page.next, limit=2)
    assert [each.position for each in (*page.items, *rest.items)] == [6, 5, 4]
    assert rest.next is None
    with pytest.raises(InvalidMessage, match="not a cursor"):
        house.projections.skipped("members", cursor="bm8")


# Somebody else, at the same time


def test_one_operator_decides(house: House) -> None:
    house.projections.skip_failing("members", STOP, reason=WHY, actor="ana")
    with pytest.raises(NotStopped, match="members does not stand at event 4"):
        park(house)
    move(house)
    assert (parked(house), house.rows()["ada"]) == ({}, ("Ada", 3, 6.0))


def test_what_stopped_elsewhere_is_left_alone(house: House) -> None:
    with pytest.raises(NotStopped):
        park(house, 3)
    house.projections.resume("members", actor="bea")
    with pytest.raises(NotStopped):
        park(house)
    move(house)
    park(house)
    assert parked(house) == {"ada": (STOP, 0)}


def test_a_worker_that_has_events_of_the_key_in_hand_is_fenced(house: House, database: Database) -> None:
    """It was resumed with code that applies the event, and another process with the old code failed meanwhile."""
    fixed = House(database, Lenient)
    fixed.projections.resume("members", actor="bea")
    worker = fixed.projections.runner("members", "worker")

    def meanwhile(name: str) -> None:
        if name == "commit":
            fixed.store.hook = lambda name: None
            with database.write() as connection:
                connection.exec_driver_sql("UPDATE generations SET owner = NULL, token = token + 1")
            move(house, "old")
            park(house)

    fixed.store.hook = meanwhile
    assert worker.step().position is None
    assert (parked(fixed), fixed.rows()["ada"]) == ({"ada": (STOP, 0)}, ("Ada", 1, 1.0))
    while not worker.step().is_tail:
        pass
    assert (parked(fixed), fixed.rows()) == ({"ada": (STOP, 3)}, {"ada": ("Ada", 1, 1.0), "bob": ("Bob", 1, 0.5)})


def test_the_worker_that_waits_goes_on_by_itself(house: House) -> None:
    worker = house.projections.runner("members", "worker")
    assert worker.step().why == "It failed."
    park(house)
    while not worker.step().is_tail:
        pass
    assert house.rows()["bob"] == ("Bob", 1, 0.5)


def test_one_that_is_paused_stays_paused(house: House) -> None:
    house.projections.pause("members", actor="bea")
    park(house)
    move(house)
    assert (house.rows()["bob"], parked(house)) == (("Bob", 0, 0.0), {"ada": (STOP, 0)})
    house.projections.resume("members", actor="bea")
    move(house)
    assert house.rows()["bob"] == ("Bob", 1, 0.5)


def test_a_crash_in_between_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("cqrs.readmodels.parked_table.park", fail)
    with pytest.raises(RuntimeError):
        park(house)
    assert house.projections.status("members").failure is not None
    assert parked(house) == {}


# Beside a replay


def test_a_replay_parks_the_same_key_and_goes_on(house: House) -> None:
    park(house)
    move(house)
    done = house.replay()
    assert (done.state, parked(house)) == (OperationState.SUCCEEDED, {"ada": (STOP, 3)})
    assert house.rows() == {"ada": ("Ada", 1, 1.0), "bob": ("Bob", 1, 0.5)}


def test_a_replay_still_stops_at_a_key_that_nobody_parked(house: House) -> None:
    park(house)
    append(house.events, borrowed("bob", "Ulysses"))
    move(house)
    assert house.replay().state is OperationState.FAILED


def test_a_replay_by_the_right_code_lets_the_key_go(house: House, database: Database) -> None:
    park(house)
    move(house)
    fixed = House(database, Lenient)
    assert fixed.replay().state is OperationState.SUCCEEDED
    assert (parked(fixed), fixed.rows()["ada"]) == ({}, ("Ada", 4, 11.0))


# What cannot be set aside


def test_an_event_whose_key_cannot_be_read_sets_nothing_aside(database: Database) -> None:
    def keyless(event: BookBorrowed, meta: object) -> str:
        raise ValueError(event.book)

    class Blind(Members):
        @on(BookBorrowed, key=keyless)
        def borrowed(row: Any, event: BookBorrowed) -> None:
            row.loans += 1

    house = House(database, Blind)
    append(house.events, joined("ada"), borrowed("ada"))
    move(house)
    with pytest.raises(NoKeyToSetAside, match="members stopped at event 2 without a key"):
        park(house, 2)
    with pytest.raises(NoKeyToSetAside):
        house.projections.skip_failing("members", 2, reason=WHY, actor="ana")


def test_only_the_failing_one_of_two_keys_is_set_aside(database: Database) -> None:
    class Narrow(Members):
        on_error = "stop"

        @on(BookPassedOn, key=both)
        def passed_on(row: Any, event: BookPassedOn) -> None:
            if row.key == "ada":
                raise ValueError
            row.loans += 1

    house = House(database, Narrow)
    append(house.events, joined("ada"), joined("bob"), BookPassedOn(giver="ada", taker="bob"), borrowed("bob"))
    move(house)
    park(house, 3)
    move(house)
    assert (parked(house), house.rows()["bob"][1]) == ({"ada": (3, 1)}, 2)
