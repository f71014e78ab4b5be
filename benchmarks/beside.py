"""How long an append takes while a replay goes on in the same process, and how much that slows the replay."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.house import House, made
from benchmarks.logs import batches, fill
from benchmarks.measure import Goal, Result, quantile, repetitions, switch_interval
from cqrs.store.records import Expected

PROJECTION = "user_stats"
APPENDERS = 4
THINKING_SECONDS = 0.002
ALONE_SECONDS = 2.0
LONG_ENOUGH = 5_000


def run(folder: Path) -> Iterator[Result]:
    events = int(os.environ.get("BENCH_REPLAY_EVENTS", "200000"))
    template = made(folder / "beside.db")
    fill(template, events)
    result = Result(
        "append-beside-replay",
        "ms, and events/s for the replay",
        {"events": events, "appenders": APPENDERS, "pause of an appender in ms": THINKING_SECONDS * 1_000},
    )
    with switch_interval():
        for n in range(repetitions()):
            path = folder / f"beside-{n}.db"
            shutil.copy(template, path)
            for name, figure in measured(path, events).items():
                result.figures.setdefault(name, []).append(figure)
    goal = Goal("ms p95 beside a replay", result.median("append p95 beside"), goal=50, floor=50, at_most=True)
    result.goals.append(goal)
    yield result


def measured(path: Path, events: int) -> dict[str, float]:
    with House(path) as house:
        alone = Appenders(house)
        alone.until(threading.Event(), ALONE_SECONDS)
        beside, done = Appenders(house), threading.Event()
        watch = threading.Thread(target=beside.until, args=(done, 600.0))
        watch.start()
        started = time.perf_counter()
        house.build(PROJECTION, events)
        elapsed = time.perf_counter() - started
        done.set()
        watch.join()
    return {
        "append p50 alone": quantile(alone.latencies, 0.50),
        "append p95 alone": quantile(alone.latencies, 0.95),
        "append p50 beside": quantile(beside.latencies, 0.50),
        "append p95 beside": quantile(beside.latencies, 0.95),
        "append max beside": max(beside.latencies),
        "appends beside": float(len(beside.latencies)),
        "replay events/s": events / elapsed,
    }


class Appenders:
    """Threads that append one event, think for a moment, and go on. All draw from one supply."""

    def __init__(self, house: House) -> None:
        self.latencies: list[float] = []
        self._house = house
        self._work = iter(batches(LONG_ENOUGH, 1))

    def until(self, done: threading.Event, seconds: float) -> None:
        deadline = time.perf_counter() + seconds
        threads = [threading.Thread(target=self._append, args=(done, deadline)) for _ in range(APPENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _append(self, done: threading.Event, deadline: float) -> None:
        for stream, event in self._work:
            started = time.perf_counter()
            self._house.events.append(stream, event, expected=Expected.NO_STREAM)
            self.latencies.append((time.perf_counter() - started) * 1_000)
            if done.wait(THINKING_SECONDS) or time.perf_counter() > deadline:
                return
