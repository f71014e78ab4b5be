"""A full check of a read model against the bare fold of the same events; how long its snapshots are, what it keeps in
memory, and what one row costs to explain and to repair.

BENCH_DRIFT_EVENTS (100000) is the length of the log; each fifth event makes a row. With BENCH_DRIFT_FILE a log of that
length is kept in that SQLite file, and used again: one of five million events takes long to write.
"""

from __future__ import annotations

import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import postgres_server, raw_postgres
from benchmarks.derived import derive
from benchmarks.house import House, made
from benchmarks.logs import fill
from benchmarks.measure import Goal, Result, interleaved
from benchmarks.profiles import top_lines
from cqrs import interpreter
from cqrs.drift.check import Check
from cqrs.messages import Context
from cqrs.projections.projection import DELETE
from cqrs.projections.routing import Router
from cqrs.workers.operation_runner import OperationRunner

PROJECTION = "user_stats"
CHECK, FOLD = "full check", "bare fold"
PAGE = 5_000
EVENTS_PER_ROW = 5
EVENTS_OF_A_KEY = 100
MILLISECONDS = 1_000


def on_sqlite(folder: Path) -> Iterator[Result]:
    path = Path(os.environ.get("BENCH_DRIFT_FILE", folder / "drift.db"))
    if not path.exists():
        made(path)
        fill(path, length(), per_user=EVENTS_PER_ROW)
        with House(path) as house:
            house.runtime.keys.follow()
        derive(path)
    with House(path) as house:
        yield from _Bench(house, "drift", {}).results()


def on_postgres(folder: Path) -> Iterator[Result]:
    with postgres_server.database() as url:
        with House(folder / "postgres", url):
            pass
        raw_postgres.fill(url, length(), per_user=EVENTS_PER_ROW)
        with House(folder / "postgres", url) as house:
            yield from _Bench(house, "drift-postgres", {"server": postgres_server.version()}).results()


def length() -> int:
    return int(os.environ.get("BENCH_DRIFT_EVENTS", "100000"))


class _Bench:
    def __init__(self, house: House, name: str, settings: Mapping[str, object]) -> None:
        events = house.events.head()
        self._name = name
        self._settings = {"events": events, **settings}
        self._processor: dict[str, list[float]] = {CHECK: [], FOLD: []}
        self._house = house
        self._runtime = house.runtime
        self._events = events

    def results(self) -> Iterator[Result]:
        interpreter.settle()  # as our programs are set, for both sides
        self._prepare()
        yield self._whole()
        yield self._of_one_key()

    def _prepare(self) -> None:
        head, keys = self._house.events.head(), self._runtime.keys
        self._house.catch_up(PROJECTION, head)
        while keys.indexed_to() < head:
            keys.follow()

    def _whole(self) -> Result:
        rows = self._checked().checked
        result = Result(self._name, "seconds", {**self._settings, "rows": rows})
        result.figures = interleaved({CHECK: self._check, FOLD: self._fold})
        result.goals.append(Goal(f"times the {FOLD}", result.ratio(CHECK, FOLD), goal=1.4, floor=2.0, at_most=True))
        check, fold = (statistics.median(self._processor[side]) for side in (CHECK, FOLD))
        result.notes.append(f"{check / fold:.2f} times by the processor time of this process alone")
        longest, peak = self._longest_snapshot(), self._peak()
        result.notes += [f"longest snapshot {longest * MILLISECONDS:,.0f} ms", f"most memory {peak / 1e6:,.1f} MB"]
        if result.missed():
            result.profile = top_lines(self._check, 30)
        return result

    def _of_one_key(self) -> Result:
        """Of a row with a hundred events, in the same store."""
        (key,) = self._runtime.judge(PROJECTION).snapshots.chunk(_model(self._runtime), None, 1).rows
        missing = EVENTS_OF_A_KEY - len(self._runtime.keys.positions_of(PROJECTION, key.text))
        for _ in range(max(0, missing)):
            command = self._runtime.catalogue.commands["PlaceOrder"](user_id=key.text, amount="1.00")
            self._runtime.mediator.send(command, Context(actor="benchmark"))
        self._prepare()
        result = Result(f"{self._name}-key", "milliseconds", {**self._settings, "events of the key": EVENTS_OF_A_KEY})
        sides = {"explain": lambda: self._explain(key.text), "repair": lambda: self._repair(key.text)}
        result.figures = interleaved(sides, times=3)
        for side in sides:
            result.goals.append(Goal(f"{side} (ms)", result.median(side), goal=20, floor=50, at_most=True))
        return result

    # Sides

    def _check(self) -> float:
        return self._timed(CHECK, self._checked)

    def _fold(self) -> float:
        return self._timed(FOLD, self._folded)

    def _timed(self, side: str, work: Callable[[], object]) -> float:
        started, processor = time.perf_counter(), time.process_time()
        work()
        self._processor[side].append(time.process_time() - processor)
        return time.perf_counter() - started

    def _checked(self) -> Check:
        runtime = self._runtime
        asked = runtime.start_check(PROJECTION, actor="benchmark")
        OperationRunner(runtime.operations, runtime.operation_handlers, "benchmark").step()
        check = runtime.checks.of_operation(asked.id)
        assert check is not None
        assert check.verdict == "none", check
        return check

    def _folded(self) -> None:
        """Every event decoded and given to its handler, in the order of the log; rows stay in memory."""
        runtime = self._runtime
        projection = runtime.projections.definition(PROJECTION)
        router, rows = Router(projection, runtime.types, runtime.events.get), dict[Any, Any]()
        after = 0
        while page := runtime.events.raw_events(
            after, self._events, projection.handled_types(), PAGE, columns=router.columns
        ):
            for position, route, key, event, meta in router.steps(page):
                row = rows.get(key)
                if row is None:
                    if not route.creates:
                        continue
                    row = rows[key] = router.model.new_row(key)
                if (route.apply(row, event) if meta is None else route.apply(row, event, meta)) is DELETE:
                    del rows[key]
                else:
                    row._pos = position
            after = page[-1][0]

    def _explain(self, key: str) -> float:
        started = time.perf_counter()
        self._runtime.explain(PROJECTION, key)
        return (time.perf_counter() - started) * MILLISECONDS

    def _repair(self, key: str) -> float:
        """From the wrong row to the right one, as the worker does it: with the two looks and the trail."""
        runtime = self._runtime
        number = runtime.projections.live_number(PROJECTION)
        with runtime.read.write() as connection:
            row = sa.text(f"UPDATE {PROJECTION}__g{number} SET name = 'x' WHERE user_id = :key")
            connection.execute(row, {"key": key})
        runtime.start_repair(PROJECTION, actor="benchmark", keys=[key])
        runner = OperationRunner(runtime.operations, runtime.operation_handlers, "benchmark")
        started = time.perf_counter()
        runner.step()
        return (time.perf_counter() - started) * MILLISECONDS

    # What else is to be known

    def _longest_snapshot(self) -> float:
        longest = 0.0
        real = self._runtime.read.read

        @contextmanager
        def timed(**options: Any) -> Iterator[Any]:
            nonlocal longest
            started = time.perf_counter()
            with real(**options) as connection:
                yield connection
            longest = max(longest, time.perf_counter() - started)

        self._runtime.read.read = timed  # type: ignore[method-assign]
        try:
            self._checked()
        finally:
            self._runtime.read.read = real  # type: ignore[method-assign]
        return longest

    def _peak(self) -> int:
        tracemalloc.start()
        try:
            self._checked()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def _model(runtime: Any) -> Any:
    return runtime.projections.definition(PROJECTION).model
