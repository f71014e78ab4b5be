"""Waiting for the log: woken by what is announced, right by looking."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cqrs.store import head_watch
from cqrs.store.head_watch import HeadWatch
from tests.waiting import wait_until


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
        watch.announce()
        assert waiting.result(timeout=30)


def test_an_announcement_during_the_look_is_not_slept_through(watch: HeadWatch) -> None:
    seen: list[int] = []

    def look() -> int:
        seen.append(len(seen))
        if len(seen) == 1:
            watch.announce()
            return 0
        return 1

    assert watch.wait_beyond(0, 30, look)
    assert len(seen) == 2


def test_an_announcement_is_only_a_hint(watch: HeadWatch) -> None:
    watch.announce()
    assert not watch.wait_beyond(5, 0.02, lambda: 5)


def test_without_announcements_it_looks_more_and_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "SHORTEST_PAUSE", 0.0001)
    monkeypatch.setattr(head_watch, "LONGEST_PAUSE", 0.0002)
    looks = iter(range(10))
    assert HeadWatch().wait_beyond(8, 30, lambda: next(looks))


def test_of_many_who_wait_one_looks_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "LONGEST_PAUSE", 60.0)
    monkeypatch.setattr(head_watch, "SHORTEST_PAUSE", 0.001)
    head, looking = [0], set[int]()
    watch = HeadWatch()
    looked, asked, wait_for = threading.Event(), list[object](), watch._told.wait_for

    def counted(*args: Any) -> bool:
        asked.append(args)
        return wait_for(*args)

    monkeypatch.setattr(watch._told, "wait_for", counted)

    def look() -> int:
        looking.add(threading.get_ident())
        looked.set()
        return head[0]

    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(watch.wait_beyond, 0, 30, look)]
        assert looked.wait(30)
        waiting += [threads.submit(watch.wait_beyond, 0, 30, look) for _ in range(3)]
        wait_until(lambda: len(asked) == 4)
        head[0] = 7
        assert [each.result(timeout=30) for each in waiting] == [7] * 4
    assert len(looking) == 1


def test_what_was_found_before_is_not_taken_for_what_is_there(watch: HeadWatch) -> None:
    assert watch.wait_beyond(0, 30, lambda: 9) == 9
    assert watch.wait_beyond(3, 0.0, lambda: 3) == 0, "the log was put back meanwhile"


def test_without_time_it_looks_all_the_same(watch: HeadWatch) -> None:
    looked, go_on = threading.Event(), threading.Event()

    def look() -> int:
        looked.set()
        go_on.wait(30)
        return 0

    with ThreadPoolExecutor(1) as threads:
        patient = threads.submit(watch.wait_beyond, 0, 30, look)
        assert looked.wait(30)
        assert watch.wait_beyond(0, 0.0, lambda: 4) == 4
        go_on.set()
        watch.close()
        patient.result(timeout=30)


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
        assert patient.result(timeout=30)
