"""Where a projection stopped, all keys that fail behind it are told, and set aside at once: those and no others."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cqrs.errors import NoKeyToSetAside, NotStopped, ParkingRefused
from cqrs.projections import ahead
from cqrs.projections.projection import on
from cqrs.store.database import Database
from tests.projections.house import Fussy, House
from tests.projections.library import BookBorrowed, BookPassedOn, Members, append, borrowed, both, joined

#: The first loan of a book that nobody finishes.
STOP = 4


class Strict(Fussy):
    on_error = "stop"


class Lenient(Members):
    on_error = "stop"


@pytest.fixture
def house(database: Database) -> House:
    """It stopped at ada's loan; behind it one of bob fails as well, and none of eve, or so one would think."""
    house = House(database, Strict)
    append(house.events, joined("ada"), joined("bob", "Bob"), joined("eve", "Eve"))
    append(house.events, borrowed("ada", "Ulysses"), borrowed("bob", fee="1.00"), borrowed("eve"))
    append(house.events, borrowed("bob", "Ulysses"), borrowed("ada"), borrowed("bob"), borrowed("eve", "Ulysses 2"))
    house.move()
    return house


def found(looked: ahead.Ahead) -> dict[str, tuple[int, int]]:
    return {each.key: (each.position, each.held) for each in looked.keys}


def park(house: House, *keys: str, until: int = 10) -> ahead.Ahead:
    return house.projections.park_ahead("members", STOP, until=until, keys=keys, actor="ana", reason="the same slip")


def parked(house: House) -> dict[str, tuple[int, int]]:
    return {each.key: (each.position, each.held) for each in house.projections.parked("members").items}


def test_looking_tells_each_key_that_fails_and_changes_nothing(house: House) -> None:
    before = (house.rows(), house.projections.status("members"))
    looked = house.projections.ahead("members", STOP)
    assert found(looked) == {"ada": (STOP, 2), "bob": (7, 2)}
    assert (looked.until, looked.is_head, looked.events, looked.held) == (10, True, 7, 4)
    assert looked.keys[1].error == "ValueError: nobody finishes it"
    after = house.projections.status("members")
    assert (house.rows(), after.failure, after.checkpoint) == (before[0], before[1].failure, before[1].checkpoint)
    assert parked(house) == {}


def test_all_are_parked_each_from_its_own_event_on_and_all_others_are_applied(house: House) -> None:
    park(house, "ada", "bob")
    assert parked(house) == {"ada": (STOP, 2), "bob": (7, 2)}
    assert house.rows() == {"ada": ("Ada", 0, 0.0), "bob": ("Bob", 1, 1.0), "eve": ("Eve", 2, 1.0)}
    status = house.projections.status("members")
    assert (status.failure, status.checkpoint) == (None, 10)
    assert {(each.parked_by, each.reason) for each in house.projections.parked("members").items} == {
        ("ana", "the same slip")
    }
    append(house.events, borrowed("bob"), borrowed("eve"))
    house.move()
    assert (parked(house)["bob"], house.rows()["eve"]) == ((7, 3), ("Eve", 3, 1.5))


def test_what_was_parked_is_released_by_the_right_code(house: House, database: Database) -> None:
    park(house, "ada", "bob")
    fixed = House(database, Lenient)
    assert sorted(fixed.projections.retry_parked("members").keys) == ["ada", "bob"]
    assert fixed.rows() == {"ada": ("Ada", 2, 1.0), "bob": ("Bob", 3, 2.0), "eve": ("Eve", 2, 1.0)}


@pytest.mark.parametrize("keys", [("ada",), ("ada", "bob", "eve"), ("eve", "bob"), ()])
def test_other_keys_than_those_that_fail_are_not_parked(house: House, keys: tuple[str, ...]) -> None:
    with pytest.raises(ParkingRefused, match="other keys fail"):
        park(house, *keys)
    assert (parked(house), house.projections.status("members").checkpoint) == ({}, STOP - 1)


def test_what_was_not_looked_at_is_not_gone_past(house: House) -> None:
    with pytest.raises(ParkingRefused, match="other keys fail"):
        park(house, "ada", "bob", until=11)
    looked = park(house, "ada", until=6)
    assert (found(looked), house.projections.status("members").checkpoint) == ({"ada": (STOP, 1)}, 6)
    house.move()
    failure = house.projections.status("members").failure
    assert failure is not None
    assert (failure.position, failure.key) == (7, "bob")


def test_it_says_how_far_it_looked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PAGE", 2)
    monkeypatch.setattr(ahead, "MOST_EVENTS", 2)
    looked = house.projections.ahead("members", STOP)
    assert (found(looked), looked.until, looked.is_head, looked.events) == ({"ada": (STOP, 1)}, 5, False, 2)


def test_time_ends_a_look_but_not_a_deed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PAGE", 4)
    monkeypatch.setattr(ahead, "MOST_SECONDS", -1.0)
    looked = house.projections.ahead("members", STOP)
    assert (found(looked), looked.until, looked.is_head) == ({"ada": (STOP, 1), "bob": (7, 1)}, 7, False)
    assert park(house, "ada", "bob").until == 10


def test_a_key_that_is_parked_already_is_not_told_again(house: House) -> None:
    house.projections.park_failing("members", STOP, actor="ana")
    house.move()
    looked = house.projections.ahead("members", 7)
    assert found(looked) == {"bob": (7, 2)}


def test_a_skipped_event_does_not_fail(house: House) -> None:
    house.projections.skip_failing("members", STOP, reason="a slip", actor="ana")
    append(house.events, borrowed("ada", "Ulysses"))
    house.move()
    assert found(house.projections.ahead("members", 7)) == {"bob": (7, 2), "ada": (11, 1)}


def test_only_the_failing_one_of_two_keys_is_told(database: Database) -> None:
    class Narrow(Members):
        on_error = "stop"

        @on(BookPassedOn, key=both)
        def passed_on(row: Any, event: BookPassedOn) -> None:
            if row.key == "ada":
                raise ValueError
            row.loans += 1

    house = House(database, Narrow)
    append(house.events, joined("ada"), joined("bob"), BookPassedOn(giver="bob", taker="ada"))
    house.move()
    assert found(house.projections.ahead("members", 3)) == {"ada": (3, 1)}


def test_it_ends_before_an_event_whose_key_cannot_be_read(database: Database) -> None:
    def keyed(event: BookBorrowed, meta: object) -> str:
        if event.book == "?":
            raise ValueError
        return event.member_id

    class Blind(Strict):
        @on(BookBorrowed, key=keyed)
        def borrowed(row: Any, event: BookBorrowed) -> None:
            if event.book == "Ulysses":
                raise ValueError
            row.loans += 1

    house = House(database, Blind)
    append(house.events, joined("ada"), joined("bob"), joined("eve"), borrowed("ada", "Ulysses"))
    append(house.events, borrowed("bob"), borrowed("eve", "?"), borrowed("bob", "Ulysses"))
    house.move()
    looked = house.projections.ahead("members", STOP)
    assert (found(looked), looked.until, looked.is_head) == ({"ada": (STOP, 1)}, 5, False)
    house.projections.park_ahead("members", STOP, until=5, keys=["ada"], actor="ana")
    house.move()
    with pytest.raises(NoKeyToSetAside):
        house.projections.ahead("members", 6)


# What is in the way


def test_where_it_does_not_stand(house: House) -> None:
    with pytest.raises(NotStopped):
        house.projections.ahead("members", 7)
    house.projections.resume("members", actor="bea")
    with pytest.raises(NotStopped):
        park(house, "ada", "bob")


def test_a_pause_holds(house: House) -> None:
    house.projections.pause("members", actor="bea")
    with pytest.raises(ParkingRefused, match="it is paused"):
        house.projections.ahead("members", STOP)


def test_where_the_code_here_does_not_fail_there_is_nothing_to_park(house: House, database: Database) -> None:
    fixed = House(database, Lenient)
    with pytest.raises(ParkingRefused, match="does not fail here"):
        fixed.projections.ahead("members", STOP)


def test_what_killed_a_process_is_not_tried_in_this_one(house: House) -> None:
    house.sql("UPDATE generations SET suspect = 4")
    with pytest.raises(ParkingRefused, match="a process died"):
        house.projections.ahead("members", STOP)


def test_so_many_keys_are_the_fault_of_the_handler(database: Database) -> None:
    house = House(database, Strict)
    names = [f"m{number:02}" for number in range(12)]
    append(house.events, *map(joined, names), *(borrowed(name, "Ulysses") for name in names))
    house.move()
    with pytest.raises(ParkingRefused, match="the handler is at fault"):
        house.projections.ahead("members", 13)


def test_a_row_that_the_database_refuses_is_nobodys_to_park(house: House, database: Database) -> None:
    index = "CREATE UNIQUE INDEX one_of_a_kind ON members__g1 (name)"
    house.sql(index)
    append(house.events, joined("ida", "Eve"))
    looked = house.projections.ahead("members", STOP)
    with pytest.raises(ParkingRefused, match="the database refuses a row"):
        park(house, *(each.key for each in looked.keys), until=looked.until)
    assert (parked(house), house.projections.status("members").checkpoint) == ({}, STOP - 1)


def test_whoever_let_it_go_on_meanwhile_wins(house: House) -> None:
    def meanwhile(name: str) -> None:
        if name == "park_ahead":
            house.store.hook = lambda name: None
            house.projections.resume("members", actor="bea")

    house.store.hook = meanwhile
    with pytest.raises(NotStopped):
        park(house, "ada", "bob")
    assert parked(house) == {}


def test_a_pause_meanwhile_holds_as_well(house: House) -> None:
    def meanwhile(name: str) -> None:
        if name == "park_ahead":
            house.store.hook = lambda name: None
            house.projections.pause("members", actor="bea")

    house.store.hook = meanwhile
    with pytest.raises(ParkingRefused, match="it was paused meanwhile"):
        park(house, "ada", "bob")
    status = house.projections.status("members")
    assert (status.checkpoint, parked(house), status.failure is None) == (STOP - 1, {}, False)


def test_a_row_repaired_meanwhile_is_not_written_over(house: House) -> None:
    def meanwhile(name: str) -> None:
        if name == "park_ahead":
            house.store.hook = lambda name: None
            house.sql("UPDATE generations SET token = token + 1")

    house.store.hook = meanwhile
    with pytest.raises(NotStopped):
        park(house, "ada", "bob")
    assert (parked(house), house.rows()["eve"]) == ({}, ("Eve", 0, 0.0))


def test_a_crash_in_between_changes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("cqrs.readmodels.parked_table.record", fail)
    with pytest.raises(RuntimeError):
        park(house, "ada", "bob")
    status = house.projections.status("members")
    assert (status.checkpoint, parked(house)) == (STOP - 1, {})
    assert status.failure is not None
    assert house.rows()["eve"] == ("Eve", 0, Decimal(0))


def test_a_replay_parks_the_same_keys(house: House) -> None:
    park(house, "ada", "bob")
    house.replay()
    assert parked(house) == {"ada": (STOP, 2), "bob": (7, 2)}
