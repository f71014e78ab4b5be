"""Parked keys are released in order, exactly once, whatever moves meanwhile; what is skipped stays skipped."""

from __future__ import annotations

from typing import Any

import pytest

from cqrs.errors import InvalidMessage, KeyNotParked, RowsRefused
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.projection import on
from cqrs.store.database import Database
from cqrs.workers.operation import OperationState
from tests.projections.house import Fussy, House
from tests.projections.library import TYPES, BookPassedOn, MemberLeft, Members, append, borrowed, both, joined

ULYSSES = borrowed("ada", "Ulysses", fee="5.00")


@pytest.fixture
def house(database: Database) -> House:
    """Fussy: ada is parked at the second of her four loans, while bob goes on."""
    house = House(database, Fussy)
    append(house.events, joined("ada"), joined("bob", "Bob"), borrowed("ada", fee="1.00"))
    append(house.events, ULYSSES, borrowed("bob"), borrowed("ada", fee="2.00"), borrowed("ada", fee="3.00"))
    house.move()
    return house


@pytest.fixture
def fixed(house: House, database: Database) -> House:
    """Another process, whose handler finishes every book."""
    return House(database, Members)


def parked(house: House) -> dict[str, int]:
    return {each.key: each.held for each in house.projections.parked("members").items}


def test_a_key_is_released_with_all_that_waited(house: House, fixed: House) -> None:
    assert (parked(house), house.rows()["ada"]) == ({"ada": 3}, ("Ada", 1, 1.0))
    released = fixed.projections.retry_parked("members", "ada")
    assert (released.keys, released.failed) == (["ada"], [])
    assert (parked(fixed), fixed.rows()) == ({}, {"ada": ("Ada", 4, 11.0), "bob": ("Bob", 1, 0.5)})
    append(fixed.events, borrowed("ada"))
    fixed.move()
    assert fixed.rows()["ada"] == ("Ada", 5, 11.5)
    assert fixed.sql("SELECT count(*) FROM parked_events") == [(0,)]


def test_one_that_fails_again_stays_parked(house: House) -> None:
    released = house.projections.retry_parked("members", "ada")
    (failed,) = released.failed
    assert (released.keys, failed.error) == ([], "ValueError: nobody finishes it")
    assert (failed.held, failed.parked_at is None) == (3, False), "what waits for the key is told, not 0"
    (found,) = house.projections.parked("members").items
    assert (found.attempts, found.held, house.rows()["ada"]) == (4, 3, ("Ada", 1, 1.0))
    append(house.events, borrowed("ada"))
    house.move()
    assert (parked(house), house.rows()["ada"]) == ({"ada": 4}, ("Ada", 1, 1.0))


def test_all_at_once(house: House, fixed: House) -> None:
    append(house.events, borrowed("bob", "Ulysses"), borrowed("bob"))
    house.move()
    assert parked(house) == {"ada": 3, "bob": 2}
    assert fixed.projections.retry_parked("members").keys == ["ada", "bob"]
    assert fixed.rows() == {"ada": ("Ada", 4, 11.0), "bob": ("Bob", 3, 1.5)}
    assert fixed.projections.retry_parked("members").keys == []


def test_a_key_that_is_not_parked(house: House) -> None:
    with pytest.raises(KeyNotParked, match="The key bob of members is not parked"):
        house.projections.retry_parked("members", "bob")
    with pytest.raises(KeyNotParked):
        house.projections.skip_parked("members", "bob", reason="why not", actor="ana")


def test_the_worker_meanwhile_is_fenced_and_forgets_that_the_key_was_parked(house: House, database: Database) -> None:
    fixed = House(database, Members)
    worker = fixed.projections.runner("members", "worker")
    worker.step()
    fixed.projections.retry_parked("members", "ada")
    append(fixed.events, borrowed("ada"))
    outcomes = [worker.step() for _ in range(3)]
    assert outcomes[0].position is None
    assert (parked(fixed), fixed.rows()["ada"]) == ({}, ("Ada", 5, 11.5))


def test_events_that_come_during_the_release_count_once(house: House, fixed: House) -> None:
    """They are appended and applied after the row was derived, and before the checkpoint is held."""

    def busy(name: str) -> None:
        if name == "settle_parked":
            fixed.store.hook = lambda name: None
            append(fixed.events, borrowed("ada"), borrowed("bob"))
            fixed.move()
            assert parked(fixed) == {"ada": 4}

    fixed.store.hook = busy
    fixed.projections.retry_parked("members", "ada")
    fixed.move()
    assert (parked(fixed), fixed.rows()) == ({}, {"ada": ("Ada", 5, 11.5), "bob": ("Bob", 2, 1.0)})


def test_two_operators_release_it_once(house: House, fixed: House) -> None:
    def other(name: str) -> None:
        if name == "settle_parked":
            fixed.store.hook = lambda name: None
            fixed.projections.retry_parked("members", "ada")

    fixed.store.hook = other
    with pytest.raises(KeyNotParked):
        fixed.projections.retry_parked("members", "ada")
    assert fixed.rows()["ada"] == ("Ada", 4, 11.0)


def test_a_crash_in_between_changes_nothing(house: House, fixed: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("cqrs.readmodels.parked_table.settle", fail)
    with pytest.raises(RuntimeError):
        fixed.projections.retry_parked("members", "ada")
    assert (parked(fixed), fixed.rows()["ada"]) == ({"ada": 3}, ("Ada", 1, 1.0))


def test_a_key_that_is_gone_at_the_end(house: House, fixed: House) -> None:
    append(house.events, MemberLeft(member_id="ada"))
    house.move()
    fixed.projections.retry_parked("members", "ada")
    assert ("ada" in fixed.rows(), parked(fixed)) == (False, {})


def test_only_the_key_itself_is_written(house: House, fixed: House) -> None:
    """An event of two keys was applied to the other one long ago."""
    append(house.events, BookPassedOn(giver="ada", taker="bob"))
    house.move()
    assert house.rows()["bob"][1] == 2
    fixed.projections.retry_parked("members", "ada")
    assert (fixed.rows()["ada"][1], fixed.rows()["bob"][1]) == (3, 2)


def test_by_the_index_and_without_it_the_row_is_the_same(house: House, database: Database) -> None:
    append(house.events, *(borrowed("bob") for _ in range(6_000)))
    house.move()
    fixed = House(database, Members)
    index = KeyIndex([Members], events=fixed.events, types=TYPES, database=database)
    while index.follow():
        pass
    asked: list[str] = []

    def positions_of(name: str, key: str, until: int) -> list[int]:
        asked.append(key)
        return index.positions_of(name, key, until=until)

    fixed.projections._parked._positions_of = positions_of
    fixed.projections.retry_parked("members", "ada")
    assert (asked, fixed.rows()["ada"]) == (["ada"], ("Ada", 4, 11.0))


# Skipping


def skip(house: House) -> None:
    house.projections.skip_parked("members", "ada", reason="the book does not exist", actor="ana")


def test_a_skipped_event_is_passed_over(house: House) -> None:
    released = house.projections.skip_parked("members", "ada", reason=" a forgery ", actor="ana")
    assert (released.keys, parked(house), house.rows()["ada"]) == (["ada"], {}, ("Ada", 3, 6.0))
    assert house.sql("SELECT projection, key, reason, skipped_by FROM skipped") == [
        ("members", "ada", "a forgery", "ana")
    ]


def test_a_reason_is_required(house: House) -> None:
    with pytest.raises(InvalidMessage, match="reason: Say why"):
        house.projections.skip_parked("members", "ada", reason="  ", actor="ana")
    assert parked(house) == {"ada": 3}


def test_the_next_event_that_fails_parks_it_again(house: House) -> None:
    append(house.events, ULYSSES, borrowed("ada"))
    house.move()
    released = house.projections.skip_parked("members", "ada", reason="no", actor="ana")
    assert [each.key for each in released.failed] == ["ada"]
    assert (parked(house), house.rows()["ada"]) == ({"ada": 2}, ("Ada", 3, 6.0))
    skip(house)
    assert (parked(house), house.rows()["ada"]) == ({}, ("Ada", 4, 6.5))


def test_a_replay_honours_it(house: House) -> None:
    skip(house)
    done = house.replay()
    assert (done.state, parked(house), house.rows()["ada"]) == (OperationState.SUCCEEDED, {}, ("Ada", 3, 6.0))


def test_corrected_code_does_not_bring_it_back(house: House, fixed: House) -> None:
    skip(house)
    fixed.replay()
    assert fixed.rows()["ada"] == ("Ada", 3, 6.0)


def test_it_concerns_one_key_of_the_event(database: Database) -> None:
    class Narrow(Members):
        @on(BookPassedOn, key=both)
        def passed_on(row: Any, event: BookPassedOn) -> None:
            if row.key == "ada":
                raise ValueError
            row.loans += 1

    house = House(database, Narrow)
    append(house.events, joined("ada"), joined("bob"), BookPassedOn(giver="ada", taker="bob"), borrowed("ada"))
    house.move()
    skip(house)
    house.replay()
    assert {key: row[1] for key, row in house.rows().items()} == {"ada": 1, "bob": 1}


def test_a_worker_that_is_behind_honours_it(house: House, database: Database) -> None:
    """A generation built before the skip, moved over the event after it."""
    number = house.projections.create_generation("members")
    skip(house)
    runner = house.projections.runner("members", "builder", generation=number)
    while not runner.step().is_tail:
        pass
    assert house.sql(f"SELECT loans FROM members__g{number} WHERE member_id = 'ada'") == [(3,)]


def test_a_row_that_the_database_refuses_keeps_its_key_parked(
    house: House, fixed: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = fixed.store.settle_parked
    calls: list[int] = []

    def refuse(*args: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise RowsRefused(projection="members", why="a constraint")
        return settle(*args, **options)

    monkeypatch.setattr(fixed.store, "settle_parked", refuse, raising=False)
    released = fixed.projections.retry_parked("members", "ada")
    assert released.failed[0].error.startswith("RowsRefused: The database refuses rows of members: a constraint.")
    assert (parked(fixed), fixed.rows()["ada"]) == ({"ada": 3}, ("Ada", 1, 1.0))
