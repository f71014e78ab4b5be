"""Who moves a projection, who is fenced off, and what pausing means while they are at it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.errors import NotFound
from cqrs.projections.engine import Sizes
from cqrs.projections.projection import Projection, on
from cqrs.projections.status import State
from tests.projections.conftest import Desk, DeskFactory, run_to_end
from tests.projections.library import MemberJoined, Members, append, borrowed, joined
from tests.waiting import wait_until


def test_the_checkpoint_moves_over_events_nobody_handles(desk: Desk) -> None:
    last = append(desk.events, joined("m1"), joined("m2"))
    assert desk.projections.catch_up("days") == 0
    assert desk.projections.status("days").checkpoint == last


def test_a_step_says_what_it_did(desk: Desk) -> None:
    append(desk.events, joined("m1"), borrowed("m1"))
    runner = desk.projections.runner("members", "w1")
    outcome = runner.step()
    assert (outcome.applied, outcome.position, outcome.is_tail, outcome.delay) == (2, 2, True, 0.0)
    idle = runner.step()
    assert (idle.applied, idle.position, idle.is_tail) == (0, 2, True)


def test_a_step_to_a_head_that_was_just_seen_does_not_look_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = desk.projections.runner("members", "w1")
    runner.step()
    append(desk.events, joined("m1"), borrowed("m1"), borrowed("m1"))

    def look() -> int:
        raise AssertionError("It looked.")

    monkeypatch.setattr(desk.events, "safe_head", look)
    outcome = runner.step(2)
    assert (outcome.applied, outcome.position) == (2, 2)


def test_only_the_holder_of_the_lease_works(desk: Desk) -> None:
    append(desk.events, joined("m1"))
    first, second = (desk.projections.runner("members", owner) for owner in ("w1", "w2"))
    first.step()
    append(desk.events, joined("m2"))
    outcome = second.step()
    assert outcome.applied == 0
    assert outcome.delay > 0
    assert outcome.why is not None
    assert "w1" in outcome.why
    assert first.step().applied == 1


def test_a_released_lease_is_free_at_once(desk: Desk) -> None:
    append(desk.events, joined("m1"))
    first, second = (desk.projections.runner("members", owner) for owner in ("w1", "w2"))
    first.step()
    first.release()
    append(desk.events, joined("m2"))
    assert second.step().applied == 1


def test_who_was_silent_too_long_is_replaced_and_fenced(new_desk: DeskFactory) -> None:
    """The paused worker wakes up with an event in hand that its successor has already applied."""
    desk = new_desk(Members, lease_seconds=0.02)
    append(desk.events, joined("m1"))
    sleeper, successor = (desk.projections.runner("members", owner) for owner in ("sleeper", "successor"))
    sleeper.step()
    append(desk.events, borrowed("m1"))
    wait_until(lambda: successor.step().applied == 1)
    append(desk.events, borrowed("m1"))
    fenced = sleeper.step()
    assert fenced.applied == 0
    assert "took over" in str(fenced.why)
    run_to_end(successor)
    assert desk.rows("members")["m1"][2] == 2


def test_racing_workers_apply_every_event_once(new_desk: DeskFactory) -> None:
    """Leases so short that they are lost in the middle of the work, again and again."""
    desk = new_desk(Members, lease_seconds=0.005, sizes=Sizes(live=3))
    append(desk.events, joined("m1"), *[borrowed("m1", fee="0.10") for _ in range(200)])

    def work(owner: str) -> None:
        runner = desk.projections.runner("members", owner)
        while (runner.step().position or 0) < 201:
            pass

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.rows("members")["m1"][2:4] == (200, 20.0)


def test_nothing_is_committed_after_a_pause(desk: Desk) -> None:
    append(desk.events, joined("m1"))
    runner = desk.projections.runner("members", "w1")
    runner.step()
    desk.projections.pause("members", actor="ada", reason="stocktaking")
    append(desk.events, joined("m2"))
    for _ in range(5):
        outcome = runner.step()
        assert outcome.applied == 0
    assert outcome.delay > 0
    status = desk.projections.status("members")
    assert (status.state, status.paused_by, status.paused_reason) == (State.PAUSED, "ada", "stocktaking")
    assert list(desk.rows("members")) == ["m1"]


def test_a_pause_outlives_the_worker(new_desk: DeskFactory) -> None:
    new_desk().projections.pause("members", actor="ada")
    desk = new_desk()
    append(desk.events, joined("m1"))
    assert desk.projections.catch_up("members") == 0
    assert desk.rows("members") == {}


def test_a_running_worker_goes_on_when_it_is_resumed(desk: Desk) -> None:
    runner = desk.projections.runner("members", "w1")
    runner.step()
    desk.projections.pause("members", actor="ada")
    append(desk.events, joined("m1"))
    runner.step()
    desk.projections.resume("members", actor="ada")
    wait_until(lambda: runner.step().applied == 1)


def test_a_paused_worker_still_shows_signs_of_life(new_desk: DeskFactory) -> None:
    desk = new_desk(lease_seconds=0.03)
    desk.projections.pause("members", actor="ada")
    runner = desk.projections.runner("members", "w1")
    runner.step()
    first = desk.store.generations()[1][-1].heartbeat_at

    def beats_again() -> bool:
        runner.step()
        return desk.store.generations()[1][-1].heartbeat_at != first

    wait_until(beats_again)
    assert desk.projections.status("members").state is State.PAUSED


def test_pausing_twice_keeps_the_first_reason(desk: Desk) -> None:
    desk.projections.pause("members", actor="ada", reason="first")
    desk.projections.pause("members", actor="alan", reason="second")
    status = desk.projections.status("members")
    assert (status.paused_by, status.paused_reason) == ("ada", "first")


def test_a_projection_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.projections.pause("users", actor="ada")


def test_code_of_another_shape_does_not_touch_the_rows(new_desk: DeskFactory) -> None:
    desk = new_desk(Members)
    append(desk.events, joined("m1"))
    desk.projections.catch_up()

    wider = Members.table.to_metadata(sa.MetaData())
    wider.append_column(sa.Column("city", sa.Text))

    class Wider(Projection):
        table = wider

        @on(MemberJoined, key="member_id", creates=True)
        def joined(row: Any, event: MemberJoined) -> None:
            row.name = event.name

    newer = new_desk(Wider)
    append(newer.events, joined("m2"))
    assert newer.projections.catch_up() == 0
    outcome = newer.projections.runner("members", "w2").step()
    assert "no column city" in str(outcome.why)
    note = newer.projections.status("members").note
    assert note is not None
    assert "no column city" in note
    assert newer.read_models.page("members").rows[0].values["name"] == "Ada"
    assert desk.projections.catch_up() == 1


def test_catching_up_beside_a_worker_waits_for_it(desk: Desk) -> None:
    runner = desk.projections.runner("members", "w1")
    runner.step()
    last = append(desk.events, joined("m1"))
    done = threading.Event()

    def catch_up() -> None:
        assert desk.projections.catch_up("members") == 0
        done.set()

    thread = threading.Thread(target=catch_up)
    thread.start()
    assert not done.is_set()
    assert runner.step().position == last
    assert done.wait(5)
    thread.join()


def test_waiters_are_told_at_once(desk: Desk) -> None:
    runner = desk.projections.runner("members", "w1")
    runner.step()
    last = append(desk.events, joined("m1"))
    reached: list[int] = []
    thread = threading.Thread(target=lambda: reached.append(desk.projections.wait(["members"], last, 10)))
    thread.start()
    runner.step()
    thread.join()
    assert reached == [last]


def test_waiting_has_an_end(desk: Desk) -> None:
    append(desk.events, joined("m1"))
    desk.projections.catch_up("days")
    assert desk.projections.wait(["members", "days"], 1, 0.02) == 0
    assert desk.projections.wait(["days"], 1, 0) == 1
    assert desk.projections.wait([], 1, 0) == 1


def test_waiting_for_a_worker_in_another_process(new_desk: DeskFactory) -> None:
    here, there = new_desk(), new_desk()
    last = append(here.events, joined("m1"))
    there.projections.catch_up()
    assert here.projections.wait(["members", "days"], last, 5) == last


def test_parked_keys_come_by_pages(desk: Desk) -> None:
    people = [f"m{n}" for n in range(5)]
    append(desk.events, *map(joined, people), *[borrowed(each, fee="0.10") for each in people])
    desk.sql("INSERT INTO members__g1 (member_id, name, loans, owed, books) VALUES ('m9', 'x', 0, 0, 'no json')")
    desk.projections.catch_up()
    append(desk.events, *[borrowed(each, fee="0.10") for each in people])
    desk.sql("UPDATE members__g1 SET books = 'no json'")
    desk.projections.catch_up()
    first = desk.projections.parked("members", limit=3)
    second = desk.projections.parked("members", limit=3, cursor=first.next)
    assert [parked.key for parked in (*first.items, *second.items)] == people
    assert second.next is None


@pytest.mark.parametrize("cursor", ["", "%", "ä", "A", "\0"])
def test_a_cursor_that_is_none(desk: Desk, cursor: str) -> None:
    from cqrs.errors import InvalidMessage

    if cursor == "":
        assert desk.projections.parked("members", cursor=cursor).items == []
        return
    with pytest.raises(InvalidMessage):
        desk.projections.parked("members", cursor=cursor)
