"""Readers never notice a replay: no error, no empty or mixed read, and nobody waits long for somebody else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import pytest

from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, upgrade
from cqrs.workers.operation import OperationState
from tests.projections.house import Generous, House
from tests.projections.library import Members
from tests.reliability.replay_processes import context, open_house, read_on, reading, start
from tests.waiting import wait_until

READS = int(os.environ.get("READS", "5000"))
READERS = 3
#: So often the swap is tried while a reader's transaction is open.
ATTEMPTS = 3
#: What nobody else may wait because of it. Whoever queues behind a swap that waits as others wait for a lock, waits for
#: 5 seconds; behind one that gives up soon, for 0.2, and what a machine takes that has other things to do.
LONGEST_WAIT = 3.0


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
    def __init__(self, url: str) -> None:
        self._stopping = context().Event()
        self._reports: SimpleQueue[Any] = context().SimpleQueue()
        self._processes = [start(read_on, url, self._reports, self._stopping) for _ in range(READERS)]
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


class Patient:
    """Opens a transaction just when a replay swaps, and ends it once the swap was refused several times while others
    read all the same."""

    def __init__(self, url: str, house: House, others: Readers) -> None:
        self._url = url
        self._others = others
        self._transaction = ExitStack()
        self._came = False
        self.refused = 0
        house.store.hook = self._come
        house.sleep = self._stay

    def _come(self, call: str) -> None:
        if call == "swap" and not self._came:
            self._came = True
            self._transaction.enter_context(reading(self._url))

    def _stay(self, _seconds: float) -> None:
        """The replay waits."""
        self.refused += self._came
        if self.refused == ATTEMPTS:
            before = self._others.listen()
            wait_until(lambda: self._others.listen() > before + 100)
            self.leave()

    def leave(self) -> None:
        self._transaction.close()


@pytest.mark.slow
def test_a_reader_with_an_open_transaction_keeps_nobody_waiting(houses: list[House], url: str) -> None:
    readers = Readers(url)
    patient = Patient(url, houses[1], readers)
    try:
        wait_until(lambda: readers.listen() > 0)
        replay(houses[1])
        before = readers.listen()
        wait_until(lambda: readers.listen() > before + 100)
    finally:
        patient.leave()
        readers.stop()
    assert (readers.errors, readers.empty, readers.mixed) == ([], 0, 0)
    assert patient.refused == (0 if url.startswith("sqlite") else ATTEMPTS)
    assert readers.longest < LONGEST_WAIT
