"""Waiting for the log: woken by what is announced, right by looking."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cqrs.store import head_watch
from cqrs.store.head_watch import HeadWatch


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeadWatch]:
    """Looks once a minute, so that only an announcement can be what woke it."""
    monkeypatch.setattr(head_watch, "SHORTEST_PAUSE", 60.0)
    monkeypatch.setattr(head_watch, "LONGEST_PAUSE", 60.0)
    watch = HeadWatch()
    yield watch
    watch.close()


def test_an_announcement_wakes_at_once(watch: HeadWatch) -> None:
    head = [0]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(watch.wait_beyond, 0, 30, lambda: head[0])
        head[0] = 1
        watch.announce(1)
        assert waiting.result(timeout=10)


def test_an_announcement_during_the_look_is_not_slept_through(watch: HeadWatch) -> None:
    seen: list[int] = []

    def look() -> int:
        seen.append(len(seen))
        if len(seen) == 1:
            watch.announce(1)
            return 0
        return 1

    assert watch.wait_beyond(0, 30, look)
    assert len(seen) == 2


def test_an_announcement_is_only_a_hint(watch: HeadWatch) -> None:
    watch.announce(9)
    assert not watch.wait_beyond(5, 0.02, lambda: 5)


def test_without_announcements_it_looks_more_and_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "SHORTEST_PAUSE", 0.0001)
    monkeypatch.setattr(head_watch, "LONGEST_PAUSE", 0.0002)
    looks = iter(range(10))
    assert HeadWatch().wait_beyond(8, 30, lambda: next(looks))


def test_of_many_who_wait_one_looks_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "LONGEST_PAUSE", 60.0)
    monkeypatch.setattr(head_watch, "SHORTEST_PAUSE", 0.001)
    head, asked = [0], set[int]()
    watch = HeadWatch()
    everybody_waits = threading.Barrier(4)

    def look() -> int:
        if threading.get_ident() not in asked:
            asked.add(threading.get_ident())
            everybody_waits.wait(10)
            return 0
        return head[0]

    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(watch.wait_beyond, 0, 30, look) for _ in range(4)]
        head[0] = 1
        assert all(each.result(timeout=10) for each in waiting), "whoever found it told the others"


def test_whoever_gives_up_hands_the_watch_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "SHORTEST_PAUSE", 0.001)
    looks = [0]
    first_has_left = threading.Event()

    def look() -> int:
        looks[0] += 1
        return int(first_has_left.is_set() and looks[0] > 20)

    watch = HeadWatch()
    with ThreadPoolExecutor(2) as threads:
        patient = threads.submit(watch.wait_beyond, 0, 30, look)
        assert not watch.wait_beyond(5, 0.02, look)
        first_has_left.set()
        assert patient.result(timeout=10)
