"""Readers never notice a replay: no error, no empty or mixed read, and nobody waits long for somebody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import pytest

from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, upgrade
from cqrs.workers.operation import OperationState
from tests.projections.house import Generous, House
from tests.projections.library import Members
from tests.reliability.replay_processes import context, hold_on, open_house, read_on, start
from tests.waiting import wait_until

READS = int(os.environ.get("READS", "5000"))
READERS = 3
#: A reader's open transaction, and what nobody else may wait because of it: 0.5 s, and as much again for a machine
#: that has other things to do. Who queues behind the reader waits for all of its transaction.
HELD_SECONDS = 2.5
LONGEST_WAIT = 1.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/readers.db"


@pytest.fixture
def houses(url: str) -> Iterator[list[House]]:
    """Two versions of the code: by the first every member owes something, by the second nobody does."""
    database = open_database(url, root=Path())
    upgrade(database, MAIN)
    houses = [open_house(url, Members), open_house(url, Generous)]
    houses[0].populate(200)
    yield houses
    database.dispose()
    for house in houses:
        house.database.dispose()


class Readers:
    def __init__(self, url: str, *, holding: bool = False) -> None:
        self._stopping = context().Event()
        self._reports: SimpleQueue[Any] = context().SimpleQueue()
        self._processes = [start(read_on, url, self._reports, self._stopping) for _ in range(READERS)]
        if holding:
            self._processes.append(start(hold_on, url, self._stopping, HELD_SECONDS))
        self.reads = 0
        self.empty = 0
        self.mixed = 0
        self.errors: list[str] = []
        self.longest = 0.0

    def listen(self) -> int:
        while not self._reports.empty():
            reads, empty, mixed, errors, longest = self._reports.get()
            self.reads += reads
            self.empty += empty
            self.mixed += mixed
            self.errors += errors
            self.longest = max(self.longest, longest)
        return self.reads

    def stop(self) -> None:
        self._stopping.set()
        for process in self._processes:
            process.join(30)
        self.listen()


def replay(house: House) -> None:
    done = house.replay()
    assert done.state is OperationState.SUCCEEDED, done.errors


@pytest.mark.slow
def test_readers_see_one_generation_or_the_other(houses: list[House], url: str) -> None:
    readers, replays = Readers(url), 0
    try:
        while readers.listen() < READS or replays < 3:
            replays += 1
            replay(houses[replays % 2])
            houses[0].projections.drop_old(list)
    finally:
        readers.stop()
    assert (readers.errors, readers.empty, readers.mixed) == ([], 0, 0)


@pytest.mark.slow
def test_a_reader_with_an_open_transaction_keeps_nobody_waiting(houses: list[House], url: str) -> None:
    readers = Readers(url, holding=True)
    try:
        wait_until(lambda: readers.listen() > 0, 30)
        for number in (1, 2, 3):
            replay(houses[number % 2])
    finally:
        readers.stop()
    assert (readers.errors, readers.empty, readers.mixed) == ([], 0, 0)
    assert readers.reads > 100
    assert readers.longest < LONGEST_WAIT
