"""Folding the log into an empty generation of `user_stats`, checkpoint included."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import raw
from benchmarks.house import House, made
from benchmarks.logs import fill
from benchmarks.measure import Goal, Result, interleaved
from benchmarks.profiles import top_lines

OURS, RAW, TYPED, PEER = "projectionist", "raw sqlite3", "raw sqlite3, typed decode", "eventsourcing, loop by hand"
PROJECTION = "user_stats"
COLUMNS = "user_id, name, email, order_count, total_spent"


def run(folder: Path) -> Iterator[Result]:
    replays = Replays(folder, int(os.environ.get("BENCH_REPLAY_EVENTS", "200000")))
    result = Result("replay", "events/s", {"events": replays.events, "events of the peer": replays.peer_events})
    replays.check()
    result.figures = interleaved(replays.sides())
    result.goals.append(Goal(f"of {RAW}", result.ratio(OURS, RAW), goal=0.50, floor=0.40))
    if PEER in result.figures:
        result.goals.append(Goal(f"times {PEER}", result.ratio(OURS, PEER), goal=20, floor=15))
    result.notes.append(f"{result.ratio(OURS, TYPED):.2f} of {TYPED}")
    if result.missed():
        result.profile = top_lines(replays.ours)
    yield result


class Replays:
    """One filled log is copied for every run: each starts with the same pages and an empty generation."""

    def __init__(self, folder: Path, events: int) -> None:
        self.events = events
        #: The peer commits event by event, at a rate that does not depend on how many there are.
        self.peer_events = min(events, 10_000)
        self._folder = folder
        self._names = itertools.count()
        self._template = folder / "replay.db"
        made(self._template)
        fill(self._template, events)

    def sides(self) -> dict[str, Callable[[], float]]:
        sides: dict[str, Callable[[], float]] = {
            RAW: lambda: self._raw(raw.fold_dicts),
            TYPED: lambda: self._raw(raw.fold),
            OURS: self.ours,
        }
        try:
            from benchmarks import peer
        except ImportError:
            return sides
        log = peer.filled_log(self._folder / "peer.db", self.peer_events)
        return {**sides, PEER: lambda: peer.replay(log, clock=time.perf_counter)}

    def ours(self) -> float:
        with self._copied() as path, House(path) as house:
            started = time.perf_counter()
            house.build(PROJECTION, self.events)
            return self.events / (time.perf_counter() - started)

    def _raw(self, fold: Callable[[raw.Raws], raw.Rows]) -> float:
        with self._copied() as path:
            connection = raw.connect(path, "NORMAL")
            raw.copy_schema(path, connection, f"{PROJECTION}__g1", name="limit_stats")
            started = time.perf_counter()
            raw.write(connection, "limit_stats", fold(raw.read(connection)))
            elapsed = time.perf_counter() - started
            connection.close()
            return self.events / elapsed

    def check(self) -> None:
        """What is compared must be the same work: all sides end with the same rows."""
        with self._copied() as path, House(path) as house:
            house.build(PROJECTION, self.events)
            with sqlite3.connect(path) as connection:
                ours = connection.execute(f"SELECT {COLUMNS} FROM {PROJECTION}__g2").fetchall()
                expected = [limited(key, row) for key, row in raw.fold(raw.read(connection)).items()]
            connection.close()
        assert sorted(ours) == sorted(expected), "our rows differ from those of the limit"

    @contextmanager
    def _copied(self) -> Iterator[Path]:
        path = self._folder / f"replay-{next(self._names)}.db"
        shutil.copy(self._template, path)
        yield path
        for leftover in self._folder.glob(path.name + "*"):
            leftover.unlink()


def limited(key: str, row: list[Any]) -> tuple[Any, ...]:
    _, name, email, count, spent, _ = row
    return key, name, email, count, float(spent)
