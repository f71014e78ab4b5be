"""A live projection that has fallen far behind: batches of some thousand events, each read by its readers at once."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg

from benchmarks import postgres_server, raw, raw_postgres
from benchmarks.house import House, made
from benchmarks.logs import fill
from benchmarks.measure import Goal, Result, interleaved
from benchmarks.profiles import top_lines

OURS = "projectionist"
PROJECTION = "user_stats"


def on_sqlite(folder: Path) -> Iterator[Result]:
    yield measured("catch-up", "raw sqlite3", SqliteBacklog(folder, size()), {})


def on_postgres(folder: Path) -> Iterator[Result]:
    with ExitStack() as stack:
        backlog = PostgresBacklog(folder, size(), stack)
        settings: dict[str, object] = {"server": postgres_server.version()}
        yield measured("catch-up-postgres", "raw psycopg", backlog, settings)


def size() -> int:
    return int(os.environ.get("BENCH_REPLAY_EVENTS", "200000")) // 2


def measured(name: str, limit: str, backlog: SqliteBacklog | PostgresBacklog, settings: dict[str, object]) -> Result:
    """The limit folds everything at once and writes each row once, as for a replay."""
    result = Result(name, "events/s", {"events": backlog.events, **settings})
    sides: dict[str, Callable[[], float]] = {limit: backlog.limit, OURS: backlog.ours}
    result.figures = interleaved(sides)
    result.goals.append(Goal(f"of {limit}", result.ratio(OURS, limit), goal=0.20, floor=0.12))
    if result.missed():
        result.profile = top_lines(backlog.ours)
    return result


class SqliteBacklog:
    def __init__(self, folder: Path, events: int) -> None:
        self.events = events
        self._folder = folder
        self._names = itertools.count()
        self._template = made(folder / "backlog.db")
        fill(self._template, events)

    def ours(self) -> float:
        path = self._copy()
        with House(path) as house:
            started = time.perf_counter()
            house.catch_up(PROJECTION, self.events)
            return self.events / (time.perf_counter() - started)

    def limit(self) -> float:
        path = self._copy()
        connection = raw.connect(path, "NORMAL")
        raw.copy_schema(path, connection, f"{PROJECTION}__g1", name="limit_stats")
        started = time.perf_counter()
        raw.write(connection, "limit_stats", raw.fold_dicts(raw.read(connection)))
        elapsed = time.perf_counter() - started
        connection.close()
        return self.events / elapsed

    def _copy(self) -> Path:
        return Path(shutil.copy(self._template, self._folder / f"backlog-{next(self._names)}.db"))


class PostgresBacklog:
    def __init__(self, folder: Path, events: int, stack: ExitStack) -> None:
        self.events = events
        self._path = folder / "postgres"
        self._template = stack.enter_context(postgres_server.database())
        with House(self._path, self._template):
            pass
        raw_postgres.fill(self._template, events)
        raw_postgres.copy_shape(self._template, f"{PROJECTION}__g1", "limit_stats")

    def ours(self) -> float:
        with postgres_server.database(self._template) as url, House(self._path, url) as house:
            started = time.perf_counter()
            house.catch_up(PROJECTION, self.events)
            return self.events / (time.perf_counter() - started)

    def limit(self) -> float:
        with postgres_server.database(self._template) as url, psycopg.connect(url) as connection:
            started = time.perf_counter()
            raw_postgres.write(connection, "limit_stats", raw.fold_dicts(raw_postgres.read(connection)))
            return self.events / (time.perf_counter() - started)
