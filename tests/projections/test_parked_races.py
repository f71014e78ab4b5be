"""Two workers move one projection while an operator parks, skips, retries and resumes: no event is lost, applied twice,
or applied before one of the same key that came earlier."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from cqrs.errors import CqrsError, KeyNotParked, NotStopped, ParkingRefused
from cqrs.projections.projection import on
from cqrs.store.database import Database
from cqrs.store.sql import SqlEventStore
from tests.conftest import DatabaseFactory
from tests.projections.house import House
from tests.projections.library import BookBorrowed, Members, append, borrowed, joined
from tests.waiting import wait_until

MEMBERS = ("ada", "bob", "cyd", "dan")
EVENTS = 240
UNREADABLE = "Ulysses"


class Kept(Members):
    """Which books in which order."""

    on_error = "stop"

    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        row.books = [*row.books, event.book]


class Fails(Kept):
    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        if event.book.startswith(UNREADABLE):
            raise ValueError("nobody finishes it")
        row.books = [*row.books, event.book]


def work(house: House, owner: str, over: threading.Event, errors: list[Exception]) -> None:
    runner = house.projections.runner("members", owner)
    while not over.is_set():
        outcome = runner.step()
        if outcome.error is not None:
            errors.append(outcome.error)
    runner.release()


def decide(house: House, chance: random.Random) -> None:
    """What an operator sees, and does about it; somebody else may have been faster."""
    failure = house.projections.status("members").failure
    deeds: list[Callable[[], object]] = [lambda: house.projections.retry_parked("members")]
    if failure is not None:
        position = failure.position
        deeds += [
            lambda: house.projections.park_failing("members", position, actor="ana"),
            lambda: house.projections.park_failing("members", position, actor="ana"),
            lambda: park_ahead(house, position),
            lambda: house.projections.skip_failing("members", position, reason="why not", actor="ana"),
            lambda: house.projections.resume("members", actor="ana"),
        ]
    with suppress(NotStopped, KeyNotParked, ParkingRefused):
        chance.choice(deeds)()


def park_ahead(house: House, position: int) -> None:
    found = house.projections.ahead("members", position)
    keys = [each.key for each in found.keys]
    house.projections.park_ahead("members", position, until=found.until, keys=keys, actor="ana")


def expected(events: SqlEventStore, house: House) -> dict[str, list[str]]:
    skipped = {each.position for each in house.projections.skipped("members", limit=EVENTS).items}
    books: dict[str, list[str]] = {member: [] for member in MEMBERS}
    for event in events.read_all(after=0, limit=2 * EVENTS):
        if event.type == "BookBorrowed" and event.position not in skipped:
            told = json.loads(event.data)
            books[told["member_id"]].append(told["book"])
    return books


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_does_what_each_key_has_its_events_once_and_in_order(new_database: DatabaseFactory, seed: int) -> None:
    chance, over, errors = random.Random(seed), threading.Event(), list[Exception]()
    databases: list[Database] = [new_database() for _ in range(3)]
    first = House(databases[0], Fails, lease_seconds=0.2)
    append(first.events, *map(joined, MEMBERS))
    houses = [first, House(databases[1], Fails, lease_seconds=0.2)]
    workers = [
        threading.Thread(target=work, args=(house, f"worker {n}", over, errors)) for n, house in enumerate(houses)
    ]
    operator = House(databases[2], Fails)
    for worker in workers:
        worker.start()
    try:
        for number in range(EVENTS):
            book = f"{UNREADABLE if chance.random() < 0.06 else 'Emma'} {number}"
            append(operator.events, borrowed(chance.choice(MEMBERS), book))
            if chance.random() < 0.3:
                decide(operator, chance)
        wait_until(lambda: done(operator, chance), 60.0)
    finally:
        over.set()
        for worker in workers:
            worker.join()
    assert errors == []
    corrected = House(databases[2], Kept)
    assert corrected.projections.retry_parked("members").failed == []
    rows = corrected.sql("SELECT member_id, books FROM members")
    kept = {member: books if isinstance(books, list) else json.loads(books) for member, books in rows}
    assert kept == expected(operator.events, corrected)


def done(house: House, chance: random.Random) -> bool:
    try:
        decide(house, chance)
    except CqrsError:
        return False
    status = house.projections.status("members")
    return status.failure is None and status.lag_events == 0
