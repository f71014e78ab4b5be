"""From a committed append in one process to the row that another process makes of it, seen by anybody who reads.

python -m benchmarks.across FOLDER URL      (the other process: a worker, until its input ends)
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from benchmarks import postgres_server
from benchmarks.house import House
from benchmarks.logs import Batch, batches
from benchmarks.measure import Goal, Result, quantile, repetitions
from cqrs.store.records import Expected

ROOT = Path(__file__).resolve().parent.parent
PROJECTION = "orders"
APPENDS = 200
#: Between two appends, at random: a worker looks more rarely the longer nothing happened.
LONGEST_IDLE_SECONDS = 0.1
LOOK_SECONDS = 0.0005
SEEN, WAITED = "row is there", "wait for the position"


def on_sqlite(folder: Path) -> Iterator[Result]:
    yield measured("visible-across", folder, None, {})


def on_postgres(folder: Path) -> Iterator[Result]:
    with postgres_server.database() as url:
        yield measured("visible-across-postgres", folder, url, {"server": postgres_server.version()})


def measured(name: str, folder: Path, url: str | None, settings: dict[str, object]) -> Result:
    pause = f"0 to {LONGEST_IDLE_SECONDS * 1_000:.0f}"
    result = Result(name, "ms", {"appends a run": APPENDS, "idle in ms before each": pause, **settings})
    sides: dict[str, Callable[[House, Batch], float]] = {SEEN: until_seen, WAITED: until_waited}
    with House(folder / "across.db", url) as house, worker_beside(folder / "across.db", url):
        warm_up(house)
        for _ in range(repetitions()):
            for side, until in sides.items():
                latencies = latencies_of(house, until)
                for what, share in (("p50", 0.50), ("p95", 0.95), ("max", 1.0)):
                    result.figures.setdefault(f"{side}, {what}", []).append(quantile(latencies, share))
    result.goals.append(Goal("ms p95", result.median(f"{SEEN}, p95"), goal=15, floor=25, at_most=True))
    result.notes.append("another process looks for events every 5 ms, and every 50 ms when nothing happens for 1 s")
    return result


@contextmanager
def worker_beside(path: Path, url: str | None) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.across", str(path), url or ""]
    worker = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        worker.communicate()


def warm_up(house: House) -> None:
    until_waited(house, batches(1, 1)[0])


def latencies_of(house: House, until: Callable[[House, Batch], float]) -> list[float]:
    chance = random.Random(1)
    latencies = []
    for batch in batches(APPENDS, 1):
        threading.Event().wait(chance.uniform(0, LONGEST_IDLE_SECONDS))
        latencies.append(until(house, batch) * 1_000)
    return latencies


def append(house: House, batch: Batch) -> int:
    stream, events = batch
    return house.events.append(stream, events, expected=Expected.NO_STREAM)[-1].position


def until_seen(house: House, batch: Batch) -> float:
    """From the return of `append` until a query finds what it came to."""
    database = house.runtime.read
    position = append(house, batch)
    started = time.perf_counter()
    asked = sa.text("SELECT position FROM generations WHERE projection = :name AND state = 'live'")
    while True:
        with database.glance() as connection:
            if connection.execute(asked, {"name": PROJECTION}).scalar_one() >= position:
                return time.perf_counter() - started
        assert time.perf_counter() - started < 10, f"{PROJECTION} did not reach {position}"
        time.sleep(LOOK_SECONDS)


def until_waited(house: House, batch: Batch) -> float:
    """From the return of `append` to the return of a wait for that position, which looks ever more rarely."""
    position = append(house, batch)
    started = time.perf_counter()
    reached = house.runtime.projections.wait([PROJECTION], position, 10.0)
    assert reached >= position, f"{PROJECTION} did not reach {position}"
    return time.perf_counter() - started


def main(path: str, url: str) -> None:
    with House(Path(path), url or None) as house, house.working():
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
