"""A log that keeps growing while worker processes over it are killed, halted and started again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

from cqrs.readmodels.generation import Generation, GenerationState
from tests.projections.library import append, borrowed, joined
from tests.reliability.conftest import Shelf
from tests.reliability.labour import Job, Journal, Labourer, context
from tests.waiting import wait_until

#: Far more than one batch has events: no batch, applied late, puts every row back to one moment.
MEMBERS = 200
#: The log grows no further ahead of the rows than this.
MOST_WAITING = 600


class Yard:
    """One database, its workers, and the journal of what they did."""

    def __init__(self, shelf: Shelf, journal: Journal, rng: random.Random, job: Job) -> None:
        self.desk = shelf.desk(projections=(job.projection,))
        self.journal = journal
        self.rng = rng
        self.job = job
        self._processes = context()
        self._workers: list[Labourer] = []
        append(self.desk.events, *[joined(f"m{n}") for n in range(MEMBERS)])

    def worker(self) -> Labourer:
        """One more. The dead are forgotten: thousands of them would hold more descriptors than a process may have."""
        self._workers = [*self._alive(), Labourer(self.job, self._processes)]
        return self._workers[-1]

    def _alive(self) -> list[Labourer]:
        return [each for each in self._workers if each.process.is_alive()]

    def live(self) -> Generation:
        return next(each for each in self.desk.store.generations()[1] if each.state is GenerationState.LIVE)

    def owner(self) -> int | None:
        """The process that moves the projection."""
        return pid_of(self.live().owner)

    def moved_by(self, pid: int) -> int:
        """How many batches it has written."""
        return self.journal.count("moved", pid)

    def lend(self, number: int) -> None:
        """So many events, of random members and fees."""
        loans = ((f"m{self.rng.randrange(MEMBERS)}", self.rng.randint(1, 500)) for _ in range(number))
        append(self.desk.events, *[borrowed(member, fee=f"{cents / 100:.2f}") for member, cents in loans])

    @contextmanager
    def lending(self) -> Iterator[None]:
        """Meanwhile events keep coming."""
        done = threading.Event()
        thread = threading.Thread(target=self._lend_until, args=[done])
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _lend_until(self, done: threading.Event) -> None:
        while not done.wait(0.01):
            if self.desk.events.head() - self.live().position < MOST_WAITING:
                self.lend(self.rng.randint(1, 60))

    def is_right(self) -> bool:
        """Whether the rows are what the log implies, worked out by other code."""
        return self.desk.rows(self.job.projection.name) == self.desk.folded()

    def settle(self) -> None:
        """Let a worker that does not dawdle bring the rows to the end of the log, then end all."""
        for each in self._alive():
            each.stop()
        self.job = replace(self.job, dawdle_seconds=0.0)
        self.worker()
        wait_until(self.caught_up, 60)
        for each in self._alive():
            each.stop()

    def caught_up(self) -> bool:
        return self.live().position == self.desk.events.head()

    def doubled(self) -> list[Any]:
        """Batches that begin before another had ended: their events were applied twice."""
        batches = sorted((int(start), int(end), pid) for pid, _, start, end in self.journal.lines("moved"))
        return [pair for pair in pairwise(batches) if pair[0][1] > pair[1][0]]

    def close(self) -> None:
        for each in self._alive():
            each.kill()


def pid_of(owner: str | None) -> int | None:
    """Owners are named host:pid:number."""
    return int(owner.split(":")[1]) if owner else None


def came_true(happened: Callable[[], bool], timeout: float) -> bool:
    """Whether it did within that time."""
    try:
        wait_until(happened, timeout)
    except AssertionError:
        return False
    return True
