"""From a committed append to the row in the read model, in one process, on an otherwise idle system."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import raw
from benchmarks.house import House, made
from benchmarks.logs import COLUMNS, batch_rows, batches
from benchmarks.measure import Goal, Result, interleaved, quantile, switch_interval
from benchmarks.profiles import top_lines
from cqrs.store.records import Expected

RAW, OURS, FOUR = "raw sqlite3, condition variable", "projectionist", "projectionist, all four projections"
PROJECTION = "orders"
APPENDS = 300
#: Left between two appends, so that nothing is still going on when the next one starts.
IDLE_SECONDS = 0.003


def run(folder: Path) -> Iterator[Result]:
    """The goal is for one projection, as the limit has one; a worker moves all four at once, on one Python lock."""
    result = Result("visible", "ms", {"appends a run": APPENDS, "projection": PROJECTION})
    latencies: dict[str, list[list[float]]] = {RAW: [], OURS: [], FOUR: []}
    names = itertools.count()

    def side(name: str, measure: Callable[[Path], list[float]]) -> Callable[[], float]:
        def run_once() -> float:
            latencies[name].append(measure(folder / f"visible-{next(names)}.db"))
            return quantile(latencies[name][-1], 0.95)

        return run_once

    with switch_interval():
        p95 = interleaved({RAW: side(RAW, limit), OURS: side(OURS, one), FOUR: side(FOUR, four)})
    for name, runs in latencies.items():
        result.figures[f"{name}, p50"] = [quantile(run, 0.50) for run in runs]
        result.figures[f"{name}, p95"] = p95[name]
    result.goals.append(Goal("ms p95", result.median(f"{OURS}, p95"), goal=1, floor=5, at_most=True))
    result.notes.append("eventsourcing has no projection runner for SQLite; its runner.wait() looks every 100 ms")
    if result.missed():
        result.profile = top_lines(lambda: steps(folder / "profile.db"))
    yield result


def one(path: Path) -> list[float]:
    with House(path) as house, house.moving(PROJECTION):
        return latencies_of(house)


def four(path: Path) -> list[float]:
    with House(path) as house, house.working():
        return latencies_of(house)


def latencies_of(house: House) -> list[float]:
    """The clock runs from the return of `append` to the return of a wait for that position."""
    work = batches(APPENDS, 1)
    recorded = (house.events.append(stream, event, expected=Expected.NO_STREAM) for stream, event in work)
    return [wait_for(house, events[-1].position) for events in recorded]


def steps(path: Path) -> None:
    """The same in one thread, which a profiler can follow."""
    with House(path) as house:
        runner = house.runtime.projections.runner(PROJECTION, "benchmark")
        for stream, event in batches(APPENDS, 1):
            house.events.append(stream, event, expected=Expected.NO_STREAM)
            runner.step()


def wait_for(house: House, position: int) -> float:
    started = time.perf_counter()
    reached = house.runtime.projections.wait([PROJECTION], position, 10.0)
    elapsed = (time.perf_counter() - started) * 1_000
    assert reached >= position, f"{PROJECTION} did not reach {position}"
    pause()
    return elapsed


def pause() -> None:
    threading.Event().wait(IDLE_SECONDS)


def limit(path: Path) -> list[float]:
    """Two threads, two connections, one condition variable, an upsert and a checkpoint: nothing is decoded."""
    made(path)
    writer, projector = raw.connect(path, "FULL"), raw.connect(path, "NORMAL")
    projector.execute("CREATE TABLE limit_orders (order_id TEXT PRIMARY KEY, data TEXT)")
    projector.execute("CREATE TABLE limit_checkpoint (position INTEGER)")
    projector.execute("INSERT INTO limit_checkpoint VALUES (0)")
    log = Signal(projector)
    thread = threading.Thread(target=log.project)
    thread.start()
    append = raw.appender(writer, COLUMNS)
    latencies = []
    for position, rows in enumerate(batch_rows(batches(APPENDS, 1)), start=1):
        append(rows)
        started = time.perf_counter()
        log.appended(position)
        latencies.append((time.perf_counter() - started) * 1_000)
        pause()
    log.stop()
    thread.join()
    writer.close()
    projector.close()
    return latencies


class Signal:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._changed = threading.Condition()
        self._head = self._reached = 0
        self._stopped = False

    def appended(self, position: int) -> None:
        """Tell the projector, and wait until it is there."""
        with self._changed:
            self._head = position
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._reached >= position)

    def project(self) -> None:
        while self._wait():
            after, head = self._reached, self._head
            rows = self._connection.execute(
                "SELECT stream, data FROM events WHERE position > ? AND position <= ?", (after, head)
            ).fetchall()
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO limit_orders VALUES (?,?)", rows)
            self._connection.execute("UPDATE limit_checkpoint SET position=? WHERE position=?", (head, after))
            self._connection.execute("COMMIT")
            with self._changed:
                self._reached = head
                self._changed.notify_all()

    def _wait(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._head > self._reached or self._stopped)
            return not self._stopped

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
