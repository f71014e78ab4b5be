"""A roll back gives readers what they saw before, brought up to date where the code allows it."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, ClassVar

import pytest

from cqrs.errors import GenerationStands, NothingToRollBack, RollBackRefused
from cqrs.projections.projection import on
from cqrs.projections.status import State
from cqrs.store.database import Database
from cqrs.workers import run as runs
from cqrs.workers.operation import OperationState
from tests.projections.house import Fussy, Generous, House, Killed, wider
from tests.projections.library import BookBorrowed, Members, append, borrowed, joined

DONE, FAILED, CANCELLED = OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED


class Moody(Members):
    """What its handler calls is no part of its logic's fingerprint."""

    banned: ClassVar[set[str]] = set()

    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        if event.book in Moody.banned:
            raise ValueError("not that one")
        row.loans += 1
        row.owed += event.fee


@pytest.fixture
def house(database: Database) -> House:
    """Replayed once, so that there is a way back."""
    house = House(database)
    house.populate()
    house.replay()
    house.move()
    return house


def test_there_is_none_before_the_first_replay(database: Database) -> None:
    with pytest.raises(NothingToRollBack, match="members has no earlier generation"):
        House(database).projections.roll_back_target("members")


def test_what_happened_since_is_in_it(house: House) -> None:
    append(house.events, joined("new"), borrowed("m0001"))
    house.move()
    before = house.rows()
    done = house.roll_back()
    assert done.state is DONE
    assert done.result == {"generation": 1, "previous": 2, "position": house.events.head(), "compared": None}
    assert (house.rows(), house.states()) == (before, {1: "live", 2: "kept"})
    append(house.events, borrowed("m0001"))
    house.move()
    assert house.rows()["m0001"][1] == 3


def test_there_and_back_again(house: House) -> None:
    house.roll_back()
    append(house.events, borrowed("m0001"))
    house.move()
    house.roll_back()
    assert (house.states(), house.rows()["m0001"][1]) == ({2: "live", 1: "kept"}, 2)


def test_it_goes_to_the_one_that_was_seen_last(house: House) -> None:
    house.replay()
    house.roll_back()
    assert house.states() == {1: "kept", 2: "live", 3: "kept"}
    target = next(each for each in house.projections.generations("members") if each.next_back)
    assert target.number == 3


def test_rows_of_other_code_go_live_as_they_are_and_stand(house: House, database: Database) -> None:
    changed = House(database, Generous)
    changed.replay()
    head = changed.events.head()
    append(changed.events, joined("new"), borrowed("m0001"))
    changed.move()
    done = changed.roll_back()
    assert (done.state, changed.states()[2]) == (DONE, "live")
    assert ("new" in changed.rows(), changed.rows()["m0001"]) == (False, ("Name 1", 1, 0.5))
    status = changed.projections.status("members")
    assert (status.state, status.checkpoint, status.paused_by) == (State.PAUSED, head, "ana")
    assert status.paused_reason == (
        f"Generation 2 was made by other code: it goes live as of position {head:,} and stands there until that code "
        "is back or it is replayed."
    )
    assert status.note == "Generation 2 was made by other code. It stands still until that is back or it is replayed."
    changed.move()
    assert "new" not in changed.rows()
    with pytest.raises(GenerationStands, match="must not advance it"):
        changed.projections.resume("members", actor="ana")


def stand(database: Database) -> House:
    changed = House(database, Generous)
    changed.replay()
    append(changed.events, joined("new"), borrowed("m0001"))
    changed.move()
    changed.roll_back()
    return changed


def test_one_that_stands_goes_on_when_its_code_is_back(house: House, database: Database) -> None:
    stand(database)
    house.move()
    assert house.rows()["m0001"] == ("Name 1", 2, 1.0)
    status = house.projections.status("members")
    assert (status.paused_by, status.note, status.lag_events) == (None, None, 0)


def test_one_that_stands_can_be_replayed(house: House, database: Database) -> None:
    changed = stand(database)
    assert changed.replay().state is DONE
    assert changed.rows()["m0001"] == ("Name 1", 2, 0.0)
    status = changed.projections.status("members")
    assert (status.paused_by, status.note, status.lag_events) == (None, None, 0)


def test_columns_that_are_not_the_codes_are_refused(house: House, database: Database) -> None:
    changed = House(database, wider())
    with pytest.raises(RollBackRefused, match="Generation 1 of members differs from the code: it has no column rank"):
        changed.projections.roll_back_target("members")
    late = changed.work(changed.ask("rollback", generation=1))
    assert (late.state, changed.states()) == (FAILED, {2: "live", 1: "kept"})
    assert late.errors[0].endswith("Readers stayed on generation 2. Nothing was changed.")


def test_an_event_that_fails_on_the_way_stops_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code fails now where it did not before, though its handlers are the same: what they call has changed."""
    house = House(database, Moody)
    append(house.events, joined("ada"))
    house.move()
    house.replay()
    append(house.events, borrowed("ada", "Ulysses"))
    house.move()
    monkeypatch.setattr(Moody, "banned", {"Ulysses"})
    done = house.roll_back()
    assert (done.state, house.states()) == (FAILED, {2: "live", 1: "kept"})
    assert "key ada, failed: ValueError: not that one" in done.errors[0]
    assert house.rows() == {"ada": ("Ada", 1, 0.5)}


def test_keys_that_are_parked_now_are_parked_again(database: Database) -> None:
    house = House(database, Fussy)
    house.populate(40)
    house.replay()
    append(house.events, borrowed("m0001", "Ulysses"), borrowed("m0002"))
    house.move()
    assert house.roll_back().state is DONE
    assert [each.key for each in house.projections.parked("members").items] == ["m0001"]
    assert (house.rows()["m0001"][1], house.rows()["m0002"][1]) == (1, 2)


def test_a_pause_survives_it(house: House) -> None:
    house.projections.pause("members", actor="bob", reason="looking")
    house.roll_back()
    assert (house.projections.status("members").paused_by, house.states()[1]) == ("bob", "live")


def test_a_cancel_keeps_what_was_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WRITE_EVERY_SECONDS", 0.0)
    append(house.events, borrowed("m0001"))
    house.move()
    asked = house.ask("rollback", generation=1)

    def cancel(name: str) -> None:
        if name == "acquire":
            house.store.hook = lambda name: None
            house.operations.cancel(asked.id, actor="bob")

    house.store.hook = cancel
    done = house.work(asked)
    assert (done.state, house.states()) == (CANCELLED, {2: "live", 1: "kept"})
    assert done.result == {"outcome": "Readers stayed on generation 2. Generation 1 is kept, as before."}
    assert house.roll_back().state is DONE


def test_a_crash_between_any_two_steps_is_survived(database: Database) -> None:
    house = House(database, operation_lease=0.0)
    house.populate(60)
    house.replay()
    expected, calls = house.rows(), 0
    for round in range(4):
        append(house.events, borrowed("m0001"))
        house.store.hook = lambda name: None
        name, loans, owed = expected["m0001"]
        asked = house.ask("rollback", generation=house.projections.roll_back_target("members").number)
        while not house.operations.get(asked.id).state.finished:
            calls += 1
            left = itertools.count(calls % 25, -1)
            process = House(database, operation_lease=0.0)
            house.forget_deaths()

            def hook(name: str, left: itertools.count[int] = left) -> None:
                if next(left) <= 0:
                    raise Killed

            process.store.hook = hook
            with contextlib.suppress(Killed):
                process.work(asked)
        assert house.operations.get(asked.id).state is DONE
        house.sql("UPDATE generations SET lease_until = NULL, owner = NULL")  # as if it had run out
        house.move()
        expected["m0001"] = (name, loans + 1, owed + 0.5)
        assert house.rows() == expected, round
    assert sorted(house.states().values()) == ["kept", "live"]


def test_what_was_reopened_and_forgotten_is_kept_again(house: House) -> None:
    asked = house.ask("rollback", generation=1)

    def die(name: str) -> None:
        if name in ("acquire", "release"):
            raise Killed

    house.store.hook = die
    with pytest.raises(Killed):
        house.work(asked)
    house.store.hook = lambda name: None
    assert house.states() == {2: "live", 1: "building"}
    assert house.projections.drop_old(list) == []
    assert house.states() == {2: "live", 1: "kept"}
