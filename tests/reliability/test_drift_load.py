"""Checks while commands run as fast as they can: nothing is found, the log of the file does not grow without end, and
appends go on."""

from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cqrs.drift.bench import CheckSizes
from cqrs.drift.checking import Level
from tests.drift.gauges import GaugeRemoved, GaugeSet, Measured, Station
from tests.reliability.conftest import Shelf, postgres_later
from tests.waiting import wait_until

CHECKS = int(os.environ.get("CHECKS", "20"))
#: So many on one database: it grows by some hundred events a check, and a full check derives them all.
CHECKS_A_DATABASE = 40
GAUGES = 200
MOST_WAL_BYTES = 128_000_000
SIZES = CheckSizes(chunk_keys=20, sample_rows=50, rolling_seconds=0.02)


class Traffic:
    """One thread that sends commands, and one that moves the rows."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self.errors: list[BaseException] = []
        #: Seconds that each append took.
        self.took: list[float] = []
        self._stop = threading.Event()

    def append(self, n: int) -> None:
        key = f"g{n * 7 % (GAUGES + 10):03}"
        started = time.perf_counter()
        self._station.append(GaugeSet(gauge=key, label=f"Label {n}"), Measured(gauge=key, value=n))
        self.took.append(time.perf_counter() - started)
        if n % 11 == 0:
            self._station.append(GaugeRemoved(gauge=key))

    def _repeat(self, step: Callable[[int], object]) -> None:
        for n in itertools.count(1):
            if self._stop.is_set():
                return
            try:
                step(n)
            except BaseException as error:
                self.errors.append(error)
                return

    @contextmanager
    def running(self) -> Iterator[None]:
        steps = (self.append, lambda _: self._station.move())
        threads = [threading.Thread(target=self._repeat, args=[step]) for step in steps]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def checked(station: Station, traffic: Traffic, count: int, wal: Path) -> Iterator[int | None]:
    """The positions of so many checks, each of another level than the one before."""
    for level in itertools.islice(itertools.cycle(Level), count):
        before = station.judge.live().position
        wait_until(lambda before=before: station.judge.live().position > before or bool(traffic.errors), 60)
        check = station.check(level)
        assert (check.verdict, check.differing) == ("none", 0), (level, check, station.found(check))
        assert not wal.exists() or wal.stat().st_size < MOST_WAL_BYTES
        yield check.position


@pytest.mark.slow
@postgres_later
def test_checks_of_every_level_find_nothing_while_commands_run(shelf: Shelf, tmp_path: Path) -> None:
    alone, beside, positions = list[float](), list[float](), set[int | None]()
    for first in range(0, CHECKS, CHECKS_A_DATABASE):
        station = Station(shelf.open(f"load-{first}"), check_sizes=SIZES)
        station.populate(GAUGES, readings=1)
        traffic = Traffic(station)
        with traffic.running():
            wait_until(lambda traffic=traffic: len(traffic.took) >= 50 or bool(traffic.errors), 60)
            before, count = len(traffic.took), min(CHECKS_A_DATABASE, CHECKS - first)
            positions.update(checked(station, traffic, count, tmp_path / f"load-{first}-wal"))
        assert traffic.errors == []
        alone += traffic.took[:before]
        beside += traffic.took[before:]
    assert None not in positions
    assert len(positions) > CHECKS / 4
    ratio = statistics.median(beside) / statistics.median(alone)
    print(f"{len(beside)} appends beside {CHECKS} checks took {ratio:.1f} times as long in the middle")  # noqa: T201
