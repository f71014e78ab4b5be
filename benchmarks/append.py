"""Appending 1, 10 and 100 events a transaction, each durable before the call returns (`synchronous=FULL`)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import raw
from benchmarks.house import House, made
from benchmarks.logs import COLUMNS, batch_rows, batches
from benchmarks.measure import Goal, Result, interleaved
from benchmarks.profiles import top_lines
from cqrs.store.records import Expected

#: Events written in one run, by events a transaction. Short runs and many: what the disk does beside varies most.
SIZES = {1: 300, 10: 2_000, 100: 10_000}
TIMES = 3
OURS, RAW, PEER = "projectionist", "raw sqlite3", "eventsourcing recorder"


def run(folder: Path) -> Iterator[Result]:
    for size, count in SIZES.items():
        result = Result(f"append-{size}", "events/s", {"events a transaction": size, "events a run": count})
        appends = Appends(folder, size, count)
        result.figures = interleaved(appends.sides(), TIMES)
        if size == 100:
            result.goals.append(Goal("of the raw limit", result.ratio(OURS, RAW), goal=0.70, floor=0.55))
        for other in sorted(result.figures.keys() - {OURS}):
            result.notes.append(f"{result.ratio(OURS, other):.2f} times {other}")
        if PEER in result.figures:
            result.notes.append(f"({PEER} keeps 4 columns and 1 index; we and the limit keep 12 and 7)")
        if result.missed():
            result.profile = top_lines(appends.ours)
        yield result


class Appends:
    """Every run writes a new file, so that none is slowed by the indexes another one has grown."""

    def __init__(self, folder: Path, size: int, count: int) -> None:
        self._files = (folder / f"append-{size}-{n}.db" for n in itertools.count())
        self._model = made(folder / "model.db")
        self._size, self._count = size, count

    def sides(self) -> dict[str, Callable[[], float]]:
        sides = {RAW: self._raw, OURS: self.ours}
        try:
            import benchmarks.peer  # noqa: F401
        except ImportError:
            return sides
        return {**sides, PEER: self._peer}

    def ours(self) -> float:
        with House(next(self._files)) as house:
            work = batches(self._count, self._size)
            started = time.perf_counter()
            for stream, events in work:
                house.events.append(stream, events, expected=Expected.NO_STREAM)
            return self._count / (time.perf_counter() - started)

    def _raw(self) -> float:
        connection = raw.connect(next(self._files), "FULL")
        raw.copy_schema(self._model, connection, "events")
        append = raw.appender(connection, COLUMNS)
        return self._timed(append, batch_rows(batches(self._count, self._size)), connection.close)

    def _peer(self) -> float:
        from benchmarks import peer

        log = peer.open_log(next(self._files), "FULL")
        return self._timed(log.insert_events, peer.order_batches(self._count, self._size), log.datastore.close)

    def _timed(self, append: Callable[[Any], object], work: list[Any], close: Callable[[], None]) -> float:
        started = time.perf_counter()
        for batch in work:
            append(batch)
        elapsed = time.perf_counter() - started
        close()
        return self._count / elapsed
