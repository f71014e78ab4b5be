"""A replay gives readers the rows of a plain fold, whatever happens on the way, or leaves them where they are."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from cqrs.errors import Fenced, OperationInTheWay
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, upgrade
from cqrs.workers import run as runs
from cqrs.workers.operation import Operation, OperationState
from tests.conftest import DatabaseFactory
from tests.projections.house import Fussy, Generous, House, Killed, wider
from tests.projections.library import MemberLeft, append, borrowed, joined

DONE, FAILED, CANCELLED, WAITING = (
    OperationState.SUCCEEDED,
    OperationState.FAILED,
    OperationState.CANCELLED,
    OperationState.WAITING,
)


@pytest.fixture
def house(database: Database) -> House:
    house = House(database)
    house.populate()
    return house


@pytest.fixture
def chatty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is written, and a cancel heard, at every step."""
    monkeypatch.setattr(runs, "WRITE_EVERY_SECONDS", 0.0)


def compared(operation: Operation) -> dict[str, int]:
    assert operation.result is not None
    return {name: count for name, count in operation.result["compared"].items() if count}


def test_readers_get_a_new_generation_with_the_same_rows(house: House) -> None:
    before, head = house.rows(), house.events.head()
    done = house.replay()
    assert (done.state, compared(done)) == (DONE, {"equal": 200})
    assert done.result is not None
    assert {name: done.result[name] for name in ("generation", "previous", "position")} == {
        "generation": 2,
        "previous": 1,
        "position": head,
    }
    assert [phase.name for phase in done.phases] == ["build", "catch up", "compare", "swap"]
    assert house.rows() == before
    assert house.states() == {2: "live", 1: "kept"}


def test_the_live_projection_goes_on_with_the_new_generation(house: House) -> None:
    runner = house.projections.runner("members", "worker")
    runner.step()
    house.replay()
    append(house.events, borrowed("m0001", fee="2.00"))
    outcomes = [runner.step() for _ in range(3)]
    assert [each.position is None for each in outcomes] == [True, False, False]  # fenced once
    assert house.rows()["m0001"] == ("Name 1", 2, 2.5)


def test_again_and_again(house: House) -> None:
    for number in (2, 3, 4):
        assert house.replay().result["generation"] == number  # type: ignore[index]
    assert house.states() == {4: "live", 3: "kept", 2: "kept", 1: "kept"}


def test_rows_that_somebody_else_wrote_are_counted_and_put_right(house: House) -> None:
    before = house.rows()
    house.sql("DELETE FROM members__g1 WHERE member_id = 'm0003'")
    house.sql("UPDATE members__g1 SET loans = 99 WHERE member_id = 'm0005'")
    house.sql("INSERT INTO members__g1 (member_id, name, loans, owed, books) VALUES ('zz', 'Nobody', 0, 0, '[]')")
    done = house.replay()
    assert compared(done) == {"equal": 198, "changed": 1, "missing": 1, "extra": 1}
    assert done.result is not None
    shown = {each["key"]: each for each in done.result["differences"]}
    assert shown["m0005"] == {"key": "m0005", "kind": "changed", "columns": {"loans": {"before": 99, "after": 1}}}
    assert (shown["m0003"]["kind"], shown["zz"]["kind"]) == ("missing", "extra")
    assert house.rows() == before


def vandalise(house: House) -> None:
    house.sql(
        "INSERT INTO members__g1 (member_id, name, loans, owed, books) "
        "SELECT 'z' || member_id, name, loans, owed, books FROM members__g1 WHERE member_id < 'm0010'"
    )


def test_it_waits_for_a_person_when_rows_would_disappear(house: House) -> None:
    vandalise(house)
    held = house.replay()
    assert (held.state, house.states(), len(house.rows())) == (WAITING, {2: "building", 1: "live"}, 210)
    assert held.result is not None
    assert held.result["why"] == "10 of 210 rows would disappear."
    append(house.events, joined("new"), borrowed("m0001"))
    house.move()
    house.operations.approve(held.id, actor="bob")
    done = house.work(held)
    assert (done.state, compared(done)) == (DONE, {"equal": 200, "extra": 10})
    assert (len(house.rows()), house.rows()["m0001"][1]) == (201, 2)


def test_what_was_not_approved_is_dropped(house: House) -> None:
    vandalise(house)
    held = house.replay()
    house.operations.cancel(held.id, actor="bob")
    done = house.work(held)
    assert (done.state, house.tables(), len(house.rows())) == (CANCELLED, {"members__g1"}, 210)
    assert done.result == {"outcome": "Readers stayed on generation 1. Generation 2 was dropped."}


def test_it_waits_when_many_rows_differ_though_the_code_is_the_same(house: House) -> None:
    house.sql("UPDATE members__g1 SET owed = 9 WHERE member_id < 'm0011'")
    held = house.replay()
    assert held.result is not None
    assert held.result["why"] == "11 rows differ from the 200 there are, though the code is unchanged."


def test_what_a_check_had_found_already_surprises_nobody(house: House) -> None:
    house.sql("UPDATE members__g1 SET owed = 9 WHERE member_id < 'm0011'")
    done = house.replay(known=[f"m{n:04}" for n in range(11)])
    assert (done.state, compared(done)) == (DONE, {"equal": 189, "known": 11})


def test_it_waits_when_it_is_asked_to(house: House) -> None:
    held = house.replay(review=True)
    assert (held.state, house.states()) == (WAITING, {2: "building", 1: "live"})
    house.operations.approve(held.id, actor="bob")
    assert house.work(held).state is DONE
    assert house.states() == {2: "live", 1: "kept"}


def test_with_another_logic_all_rows_may_differ(house: House, database: Database) -> None:
    changed = House(database, Generous)
    status = changed.projections.status("members")
    assert status.note == "The code changed since generation 1 was made. A replay is recommended."
    assert changed.projections.preflight("members").logic_changed
    done = changed.replay()
    assert (done.state, compared(done)) == (DONE, {"changed": 200})
    assert changed.rows()["m0001"] == ("Name 1", 1, 0.0)
    assert changed.projections.status("members").note is None


def test_with_other_columns_it_is_not_moved_until_it_is_replayed(house: House, database: Database) -> None:
    changed = House(database, wider())
    append(house.events, joined("new"))
    changed.move()
    assert "new" not in changed.rows()
    assert changed.projections.outgrown() == {"members": "it has no column rank"}
    done = changed.replay()
    assert (done.state, compared(done)) == (DONE, {"equal": 200})
    assert changed.sql("SELECT rank FROM members WHERE member_id = 'new'") == [(7,)]
    assert changed.projections.outgrown() == {}
    assert house.projections.outgrown() == {"members": "its column rank is gone from the code"}


def test_a_pause_survives_it(house: House) -> None:
    house.projections.pause("members", actor="ana", reason="looking")
    append(house.events, borrowed("m0001"))
    assert house.replay().state is DONE
    status = house.projections.status("members")
    assert (status.paused_by, status.generation, status.checkpoint) == ("ana", 2, house.events.head())
    append(house.events, borrowed("m0001"))
    house.move()
    assert house.rows()["m0001"][1] == 2
    house.projections.resume("members", actor="ana")
    house.move()
    assert house.rows()["m0001"][1] == 3


def test_it_can_be_paused_meanwhile(house: House) -> None:
    house.store.hook = lambda name: house.projections.pause("members", actor="bob") if name == "commit_sliced" else None
    assert house.replay().state is DONE
    assert house.projections.status("members").paused_by == "bob"


def test_one_that_failed_goes_on_with_corrected_code(database: Database) -> None:
    broken = House(database, type("Strict", (Fussy,), {"on_error": "stop"}))
    append(broken.events, joined("ada"), borrowed("ada", "Ulysses"), borrowed("ada"))
    broken.move()
    assert broken.projections.status("members").failure is not None
    fixed = House(database)
    assert fixed.replay().state is DONE
    assert fixed.rows() == {"ada": ("Ada", 2, 1.0)}
    assert fixed.projections.status("members").failure is None


def test_it_stops_at_an_event_that_fails(house: House, database: Database) -> None:
    last = append(house.events, borrowed("m0007", "Ulysses"))
    house.move()
    done = House(database, Fussy).replay()
    assert (done.state, house.states(), house.tables()) == (FAILED, {1: "live"}, {"members__g1"})
    assert done.errors == [
        f"Event {last} (BookBorrowed), key m0007, failed: ValueError: nobody finishes it. Correct the handler, then "
        "start again. Readers stayed on generation 1. Generation 2 was dropped."
    ]


def test_parked_keys_are_tried_again(database: Database) -> None:
    fussy = House(database, Fussy)
    fussy.populate(60)
    append(fussy.events, borrowed("m0007", "Ulysses"), borrowed("m0007"), borrowed("m0008"))
    fussy.move()
    assert [each.key for each in fussy.projections.parked("members").items] == ["m0007"]
    same = fussy.replay()
    assert (same.state, compared(same)) == (DONE, {"equal": 60})
    (parked,) = fussy.projections.parked("members").items
    assert (parked.key, parked.held, fussy.rows()["m0007"][1]) == ("m0007", 2, 1)
    fixed = House(database)
    done = fixed.replay()
    assert done.result is not None
    assert (done.state, done.result["compared"]["known"]) == (DONE, 1)
    assert fixed.projections.parked("members").items == []
    assert fixed.rows()["m0007"][1] == 3


def test_what_happens_meanwhile_is_not_lost(house: House) -> None:
    """Events come and are projected between any two calls of the store; readers never go back in time."""
    numbers = itertools.count()

    def busy(name: str) -> None:
        if name in ("compare", "commit_sliced", "acquire", "hold", "release"):
            house.store.hook = lambda name: None
            n = next(numbers)
            append(house.events, joined(f"x{n}"), borrowed(f"m{n:04}"), MemberLeft(member_id=f"m{n + 100:04}"))
            house.move()
            house.store.hook = busy

    house.store.hook = busy
    done = house.replay()
    house.store.hook = lambda name: None
    count = next(numbers)
    assert (done.state, set(compared(done)), count > 5) == (DONE, {"equal"}, True)
    rows = house.rows()
    assert len(rows) == 200
    assert all(rows[f"x{n}"][1] == 0 and rows[f"m{n:04}"][1] == 2 for n in range(count))


def test_two_operators_at_once(house: House) -> None:
    house.ask("replay")
    with pytest.raises(OperationInTheWay, match="A replay of members is not finished"):
        house.ask("replay")
    with pytest.raises(OperationInTheWay):
        house.ask("rollback")


@pytest.mark.parametrize("moment", ["create", "acquire", "commit_sliced", "compare", "hold"])
@pytest.mark.usefixtures("chatty")
def test_a_cancel_leaves_readers_where_they_are(house: House, moment: str) -> None:
    asked = house.ask("replay")

    def cancel(name: str) -> None:
        if name == moment:
            house.store.hook = lambda name: None
            house.operations.cancel(asked.id, actor="bob")

    before = house.rows()
    house.store.hook = cancel
    done = house.work(asked)
    assert (done.state, house.states(), house.tables()) == (CANCELLED, {1: "live"}, {"members__g1"})
    assert done.result is not None
    assert done.result["outcome"].startswith("Readers stayed on generation 1.")
    append(house.events, borrowed("m0001"))
    house.move()
    assert house.rows() == before | {"m0001": ("Name 1", 2, 1.0)}


def test_a_cancel_that_comes_too_late_says_so(house: House) -> None:
    asked = house.ask("replay")

    def cancel(name: str) -> None:
        if name == "swap":
            house.store.hook = lambda name: None
            house.operations.cancel(asked.id, actor="bob")

    house.store.hook = cancel
    done = house.work(asked)
    assert (house.states(), done.cancelled_by) == ({2: "live", 1: "kept"}, "bob")


def crash_after(house: House, calls: int) -> Callable[[str], None]:
    left = itertools.count(calls, -1)

    def hook(name: str) -> None:
        if next(left) <= 0:
            raise Killed

    return hook


def test_a_crash_between_any_two_steps_is_survived(database: Database) -> None:
    """Killed at the first, second, third … call of the store, each attempt goes on where the one before came to."""
    house = House(database, operation_lease=0.0)
    house.populate(120)
    before, calls, replays = house.rows(), 0, 0
    while replays < 3:
        asked = house.ask("replay")
        while not house.operations.get(asked.id).state.finished:
            calls += 1
            process = House(database, operation_lease=0.0)
            house.forget_deaths()
            process.store.hook = crash_after(process, calls % 45)
            with contextlib.suppress(Killed):
                process.work(asked)
            assert house.rows() == before
        replays += 1
        done = house.operations.get(asked.id)
        assert (done.state, compared(done)) == (DONE, {"equal": 120})
        calls += 7
    assert set(house.states().values()) == {"live", "kept"}
    append(house.events, borrowed("m0001"))
    house.move()
    assert house.rows()["m0001"][1] == 2


def test_code_that_changes_meanwhile_begins_anew(house: House, database: Database) -> None:
    held = house.replay(review=True)
    house.operations.approve(held.id, actor="bob")
    changed = House(database, Generous)
    again = changed.work(held)
    assert (again.state, changed.states()) == (WAITING, {2: "building", 1: "live"})  # approved were other rows
    assert compared(again) == {"changed": 200}


def test_the_read_database_may_be_elsewhere(new_database: DatabaseFactory) -> None:
    house = House(new_database("main.db"), read=new_database("read.db"))
    house.populate()
    done = house.replay()
    assert (done.state, compared(done), house.states()) == (DONE, {"equal": 200}, {2: "live", 1: "kept"})


def test_a_throttled_one_rests(house: House) -> None:
    house.replay(throttle=2.0)
    assert len(house.slept) >= house.events.head() // 25
    assert all(seconds > 0 for seconds in house.slept)


def test_generations_are_dropped_when_they_are_old_or_nobodys(house: House) -> None:
    house.replay()
    held = house.replay(review=True)
    active = [held.id]
    assert house.projections.drop_old(lambda: active) == []
    active.clear()
    assert house.projections.drop_old(lambda: active) == [("members", 3)]
    house.sql("UPDATE generations SET kept_at = '2026-01-01T00:00:00.000000Z' WHERE state = 'kept'")
    assert house.projections.drop_old(lambda: active) == [("members", 1)]
    assert (house.states(), house.tables()) == ({2: "live"}, {"members__g2"})


@pytest.mark.postgres
def test_a_reader_with_an_old_snapshot_never_finds_half_a_generation(postgres_url: str, tmp_path: Path) -> None:
    """It began before the new rows were written, and looks at the view only after they are readers' rows."""
    database = open_database(postgres_url, root=tmp_path)
    upgrade(database, MAIN)
    house = House(database)
    house.populate()
    reader, seen = database.engine.connect().execution_options(isolation_level="REPEATABLE READ"), []
    reader.exec_driver_sql("SELECT 1")

    def look(seconds: float) -> None:
        """Called while the replay waits."""
        if not seen:
            seen.append(reader.exec_driver_sql("SELECT count(*) FROM members").scalar())
            reader.close()

    house.sleep = look
    done = house.replay()
    assert (done.state, seen) == (DONE, [200])
    database.dispose()


def test_one_that_went_ahead_of_a_live_one_that_stands_is_compared_before(house: House, database: Database) -> None:
    """After a crash the two are at different positions for good, and all rows touched in between differ."""
    house.projections.pause("members", actor="ana")
    append(house.events, *(borrowed(f"m{n:04}") for n in range(100)))
    asked = house.ask("replay")
    mortal = House(database, operation_lease=0.0)
    mortal.store.hook = lambda name: crash_after(mortal, 0)(name) if name == "swap" else None
    with pytest.raises(Killed):
        mortal.work(asked)
    done = House(database, operation_lease=0.0).work(asked)
    assert (done.state, compared(done)) == (DONE, {"equal": 200})
    assert house.rows()["m0001"][1] == 2


def test_readers_are_never_taken_back_in_time(house: House) -> None:
    number = house.projections.create_generation("members")
    candidate = house.store.acquire("members", number, owner="builder")
    live = next(each for each in house.store.generations()[1] if each.number == 1)
    held = house.store.hold(live, owner="builder", seconds=5.0)
    with pytest.raises(Fenced):
        house.store.swap(house.projections.definition("members").model, held, candidate, outcome="{}")
    assert house.states() == {1: "live", 2: "building"}
