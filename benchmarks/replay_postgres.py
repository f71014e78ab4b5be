"""Folding the log into an empty generation of `user_stats` on PostgreSQL, checkpoint included."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import psycopg

from benchmarks import postgres_server, raw, raw_postgres
from benchmarks.house import House
from benchmarks.measure import Goal, Result, interleaved
from benchmarks.profiles import top_lines

OURS, RAW, TYPED = "projectionist", "raw psycopg", "raw psycopg, typed decode"
PEER, RELAXED = "eventsourcing ProjectionRunner", "eventsourcing ProjectionRunner, synchronous_commit off"
PROJECTION = "user_stats"
COLUMNS = "user_id, name, email, order_count, total_spent"


def run(folder: Path) -> Iterator[Result]:
    events = int(os.environ.get("BENCH_REPLAY_EVENTS", "200000"))
    with ExitStack() as stack:
        replays = Replays(folder, events, stack)
        settings = {"events": events, "events of the peer": replays.peer_events, "server": postgres_server.version()}
        result = Result("replay-postgres", "events/s", settings)
        replays.check()
        result.figures = interleaved(replays.sides(stack))
        result.goals.append(Goal(f"of {RAW}", result.ratio(OURS, RAW), goal=0.50, floor=0.40))
        if PEER in result.figures:
            result.goals.append(Goal(f"times {PEER}", result.ratio(OURS, PEER), goal=120, floor=75))
            result.notes.append(f"{result.ratio(OURS, RELAXED):.0f} times {RELAXED}")
        else:
            result.notes.append("eventsourcing is not measured: pip install eventsourcing psycopg-pool")
        result.notes.append(f"{result.ratio(OURS, TYPED):.2f} of {TYPED}")
        if result.missed():
            result.profile = top_lines(replays.ours)
        yield result


class Replays:
    """One log for all runs; each makes a table of its own, which is dropped before the next."""

    def __init__(self, folder: Path, events: int, stack: ExitStack) -> None:
        self.events = events
        self.peer_events = min(events, 5_000)
        self._path = folder / "postgres"
        self._url = stack.enter_context(postgres_server.database())
        with self._house():
            pass
        raw_postgres.fill(self._url, events)

    def _house(self) -> House:
        return House(self._path, self._url)

    def sides(self, stack: ExitStack) -> dict[str, Callable[[], float]]:
        sides: dict[str, Callable[[], float]] = {
            RAW: lambda: self._raw(raw.fold_dicts),
            TYPED: lambda: self._raw(raw.fold),
            OURS: self.ours,
        }
        try:
            from benchmarks import peer_postgres as peer
        except ImportError:
            return sides
        for name, setting in ((PEER, "on"), (RELAXED, "off")):
            url = stack.enter_context(postgres_server.database())
            peer.fill(url, self.peer_events)
            with psycopg.connect(url, autocommit=True) as connection:
                database = connection.info.dbname
                connection.execute(f'ALTER DATABASE "{database}" SET synchronous_commit = {setting}'.encode())
            sides[name] = lambda url=url: peer.replay(url, self.peer_events)  # type: ignore[misc]
        return sides

    def ours(self) -> float:
        with self._house() as house:
            started = perf_counter()
            house.build(PROJECTION, self.events)
            elapsed = perf_counter() - started
        self._drop_builds()
        return self.events / elapsed

    def _raw(self, fold: Callable[[raw.Raws], raw.Rows]) -> float:
        raw_postgres.copy_shape(self._url, f"{PROJECTION}__g1", "limit_stats")
        with psycopg.connect(self._url) as connection:
            started = perf_counter()
            raw_postgres.write(connection, "limit_stats", fold(raw_postgres.read(connection)))
            return self.events / (perf_counter() - started)

    def check(self) -> None:
        """What is compared must be the same work: all sides end with the same rows."""
        with self._house() as house:
            house.build(PROJECTION, self.events)
        with psycopg.connect(self._url) as connection:
            ours = connection.execute(f"SELECT {COLUMNS} FROM {PROJECTION}__g2".encode()).fetchall()
            folded = raw.fold(raw_postgres.read(connection))
        expected = [
            (key, name, email, count, spent.quantize(Decimal("0.01")))
            for key, (_, name, email, count, spent, _) in folded.items()
        ]
        assert sorted(ours) == sorted(expected), "our rows differ from those of the limit"
        self._drop_builds()

    def _drop_builds(self) -> None:
        with psycopg.connect(self._url) as connection:
            built = connection.execute("DELETE FROM generations WHERE state = 'building' RETURNING generation")
            for (number,) in built.fetchall():
                connection.execute(f"DROP TABLE {PROJECTION}__g{number}".encode())
