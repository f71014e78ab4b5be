"""Eight processes that append at the same time, one event a transaction, against the same inserts without any order.

python -m benchmarks.writers URL SIDE EVENTS      (one of them: says when it is ready, and when it was done)
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks import postgres_server, raw_postgres
from benchmarks.house import House
from benchmarks.logs import batch_rows, batches
from benchmarks.measure import Goal, Result, interleaved
from benchmarks.profiles import top_lines
from cqrs.store.opening import open_database
from cqrs.store.records import Expected
from cqrs.store.sql import SqlEventStore

ROOT = Path(__file__).resolve().parent.parent
WRITERS = 8
#: Events of each writer in one run.
EVENTS = 300
TIMES = 3
OURS, RAW = "projectionist", "raw psycopg, in no order"


def run(folder: Path) -> Iterator[Result]:
    with ExitStack() as stack:
        template = stack.enter_context(postgres_server.database())
        with House(folder / "postgres", template):
            pass
        raw_postgres.copy_shape(template, "events", "raw_events")
        settings = {"writers": WRITERS, "events of each": EVENTS, "server": postgres_server.version()}
        result = Result("writers-postgres", "events/s", settings)
        sides: dict[str, Callable[[], float]] = {RAW: lambda: rate(template, RAW), OURS: lambda: rate(template, OURS)}
        result.figures = interleaved(sides, TIMES)
        result.goals.append(Goal(f"of {RAW}", result.ratio(OURS, RAW), goal=0.70, floor=0.45))
        if result.missed():
            result.profile = top_lines(lambda: append_ours(template, EVENTS)())
        yield result


def rate(template: str, side: str) -> float:
    """All start at once; from that moment until the last one is done."""
    with postgres_server.database(template) as url:
        command = [sys.executable, "-m", "benchmarks.writers", url, side, str(EVENTS)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        writers = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(WRITERS)]  # type: ignore[call-overload]
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        started = time.perf_counter()
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        for writer in writers:
            assert writer.stdout.readline() == "done\n"
        elapsed = time.perf_counter() - started
        for writer in writers:
            writer.communicate()
        assert count(url, side) == WRITERS * EVENTS
        return WRITERS * EVENTS / elapsed


def count(url: str, side: str) -> int:
    table = "events" if side == OURS else "raw_events"
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def append_ours(url: str, events: int) -> Callable[[], None]:
    store = SqlEventStore(open_database(url, root=ROOT))
    work = batches(events, 1)
    store.head()  # opens the connection

    def append() -> None:
        for stream, event in work:
            store.append(stream, event, expected=Expected.NO_STREAM)

    return append


def append_raw(url: str, events: int) -> Callable[[], None]:
    connection = psycopg.connect(url, autocommit=True)
    work = [row for (row,) in batch_rows(batches(events, 1))]

    def append() -> None:
        for row in work:
            connection.execute(raw_postgres.INSERT.encode(), row, prepare=True)

    return append


def main(url: str, side: str, events: str) -> None:
    append = (append_ours if side == OURS else append_raw)(url, int(events))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    append()
    sys.stdout.write("done\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
