"""Handlers that end the process they run in: the event is found, and only after three deaths set aside."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from cqrs.projections.crash_marks import OneAtATime
from cqrs.projections.engine import Sizes
from cqrs.projections.projection import Projection
from cqrs.readmodels.sql import SqlReadModelStore
from tests.projections.library import BookPassedOn, append, borrowed, joined
from tests.reliability.conftest import Shelf
from tests.reliability.crash_processes import (
    GROWING,
    KILLED,
    SIZES,
    Deadly,
    DeadlyAndStrict,
    DeadlyToTouch,
    live_once,
    open_desk,
)
from tests.reliability.desk import Desk, run_to_end
from tests.waiting import wait_until

#: One that nobody could tell from an idle one, then three with the event in hand alone.
DEATHS = 4


@pytest.fixture
def url(shelf: Shelf) -> str:
    return shelf.url("main")


@pytest.fixture
def desk(url: str, shelf: Shelf) -> Desk:
    return shelf.desk(projections=(Deadly,), sizes=SIZES)


def fill(desk: Desk, *, before: int = 4, after: int = 30) -> int:
    """Members borrow, and in between one of them gets hold of the wrong book; returns that event's position."""
    append(desk.events, *[joined(f"m{n}") for n in range(5)])
    append(desk.events, *[borrowed(f"m{n % 5}") for n in range(before)])
    position = append(desk.events, borrowed("m3", book="Necronomicon"))
    append(desk.events, *[borrowed(f"m{n % 5}") for n in range(after)])
    return position


def takes_over(store: SqlReadModelStore, owner: str) -> bool:
    return store.acquire("members", 1, owner=owner) is not None


def deaths(url: str, projection: type[Projection], *, generation: int | None = None, sizes: Sizes = SIZES) -> int:
    """How many workers die until one gets through."""
    for died in range(12):
        if live_once(url, projection, generation=generation, sizes=sizes) == 0:
            return died
    raise AssertionError("They die for ever.")


def test_the_key_of_a_deadly_event_is_parked_after_three_deaths_and_all_others_catch_up(desk: Desk, url: str) -> None:
    position = fill(desk)
    assert deaths(url, Deadly) == DEATHS
    (parked,) = desk.projections.parked("members").items
    assert (parked.key, parked.position, parked.attempts) == ("m3", position, 3)
    assert "3 processes died" in parked.error
    status = desk.projections.status("members")
    assert (status.checkpoint, status.failure) == (desk.events.head(), None)
    expected, found = desk.folded(), desk.rows()
    assert found.pop("m3") == desk.folded(until=position - 1)["m3"]
    expected.pop("m3")
    assert found == expected


def test_a_strict_projection_stops_before_it_and_may_be_resumed_to_die_again(desk: Desk, url: str) -> None:
    position = fill(desk)
    assert deaths(url, DeadlyAndStrict) == DEATHS
    status = desk.projections.status("members")
    assert status.failure is not None
    assert (status.failure.position, status.failure.key, status.checkpoint) == (position, "m3", position - 1)
    assert "3 processes died" in status.failure.error
    desk.projections.resume("members", actor="ana")
    assert deaths(url, DeadlyAndStrict) >= 3
    assert desk.projections.status("members").failure is not None


def test_an_event_whose_key_cannot_be_asked_for_stops_the_projection(desk: Desk, url: str) -> None:
    position = fill(desk)
    assert deaths(url, DeadlyToTouch) == DEATHS + 1
    failure = desk.projections.status("members").failure
    assert failure is not None
    assert (failure.position, failure.key) == (position, None)


def test_all_keys_of_a_deadly_event_are_parked(desk: Desk, url: str) -> None:
    append(desk.events, joined("m1"), joined("victim"), joined("m2"))
    append(desk.events, BookPassedOn(giver="m1", taker="victim"), borrowed("m2"))
    assert deaths(url, Deadly) == DEATHS
    assert [each.key for each in desk.projections.parked("members").items] == ["m1", "victim"]
    assert desk.rows()["m2"] == desk.folded()["m2"]


def test_deaths_while_idle_do_not_count(desk: Desk, url: str) -> None:
    append(desk.events, *[joined(f"m{n}") for n in range(5)])
    for _ in range(5):
        assert live_once(url, Deadly, idle=True) == KILLED
    append(desk.events, borrowed("m1"), borrowed("m2"))
    assert live_once(url, Deadly, idle=True) == KILLED
    fill(desk)
    assert deaths(url, Deadly) == 3  # The last idle death is the one that made the next worker careful.
    assert [each.key for each in desk.projections.parked("members").items] == ["m3"]


def test_a_worker_killed_now_and_then_loses_and_parks_nothing(desk: Desk, url: str) -> None:
    append(desk.events, *[joined(f"m{n}") for n in range(5)])
    for n in range(4):
        append(desk.events, *[borrowed(f"m{n % 5}") for n in range(25)])
        assert live_once(url, Deadly, idle=n % 2 == 0) in (0, KILLED)
    assert desk.rows() == desk.folded()
    assert desk.projections.status("members").parked == 0


def test_a_build_finds_the_event_in_a_batch_of_many(desk: Desk, url: str) -> None:
    """By pieces first: it would take too long event by event."""
    position = fill(desk, before=50)
    number = desk.projections.create_generation("members")
    assert deaths(url, Deadly, generation=number) == DEATHS + 1
    built = next(each for each in desk.store.generations()[1] if each.number == number)
    assert built.failure is not None
    assert (built.position, built.failure.position, built.failure.key) == (position - 1, position, "m3")


def test_a_live_projection_far_behind_finds_the_event_in_a_batch_that_has_grown(desk: Desk, url: str) -> None:
    position = fill(desk, before=120)
    assert deaths(url, Deadly, sizes=GROWING) == DEATHS + 1
    (parked,) = desk.projections.parked("members").items
    assert (parked.key, parked.position) == ("m3", position)
    expected, found = desk.folded(), desk.rows()
    assert found.pop("m3") == desk.folded(until=position - 1)["m3"]
    expected.pop("m3")
    assert found == expected
    (live,) = desk.store.generations()[1]
    assert (live.suspect, live.in_hand, live.deaths) == (None, None, 0)


def test_a_batch_that_could_have_grown_but_is_short_costs_no_more_deaths(desk: Desk, url: str) -> None:
    position = fill(desk, before=1, after=2)
    assert deaths(url, Deadly, sizes=GROWING) == DEATHS
    (parked,) = desk.projections.parked("members").items
    assert (parked.key, parked.position) == ("m3", position)


def test_nothing_is_suspect_once_the_batch_is_done(desk: Desk, url: str) -> None:
    append(desk.events, *[joined(f"m{n}") for n in range(5)])
    assert live_once(url, Deadly, idle=True) == KILLED
    append(desk.events, *[borrowed(f"m{n % 5}") for n in range(35)])
    assert live_once(url, Deadly) == 0
    (live,) = desk.store.generations()[1]
    assert (live.suspect, live.in_hand, live.deaths, live.owner) == (None, None, 0, None)


def test_a_pause_between_deaths_is_no_death(url: str, desk: Desk) -> None:
    position = fill(desk)
    for _ in range(DEATHS - 1):
        assert live_once(url, Deadly) == KILLED
    desk.projections.pause("members", actor="ana")
    for _ in range(2):
        live_once(url, Deadly, idle=True)
    assert desk.projections.status("members").note == (
        f"2 workers died with event {position} in hand. After 3 deaths it is set aside."
    )
    (live,) = desk.store.generations()[1]
    assert (live.suspect, live.deaths) == (position, 2)


def test_deaths_before_it_is_in_hand_again_do_not_count(url: str, desk: Desk) -> None:
    """A worker may die of what another of its threads does, while this one still reads what it is to go on with."""
    position = fill(desk)
    for _ in range(2):
        assert live_once(url, Deadly) == KILLED
    for n in range(4):
        successor = SqlReadModelStore(desk.read, lease_seconds=0.01)
        wait_until(partial(takes_over, successor, f"worker {n}"))
    (live,) = desk.store.generations()[1]
    assert (live.suspect, live.deaths) == (position, 1)


def test_two_threads_are_not_suspect_at_once() -> None:
    inside, both = OneAtATime(), []
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with inside():
            entered.set()
            leave.wait(10)
            both.append("first")

    def come() -> None:
        with inside():
            both.append("second")

    first, second = threading.Thread(target=stay), threading.Thread(target=come)
    first.start()
    assert entered.wait(10)
    second.start()
    leave.set()
    first.join()
    second.join()
    assert both == ["first", "second"]


def test_a_worker_that_was_replaced_alive_is_careful_too(url: str) -> None:
    """A take-over looks like a death: that costs one careful batch, and nothing else."""
    desk = open_desk(url, Deadly)
    fill_safely = [joined("m1"), *[borrowed("m1") for _ in range(30)]]
    append(desk.events, *fill_safely)
    first, second = (desk.projections.runner("members", owner) for owner in ("first", "second"))
    first.step()
    while second.step().applied == 0:
        pass
    run_to_end(second)
    assert desk.rows() == desk.folded()
    assert desk.store.generations()[1][0].suspect is None
    desk.main.dispose()
