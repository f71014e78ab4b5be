"""What runs in processes of its own while replays are made: a worker that may die at any moment, and readers."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cqrs.projections.projection import Projection
from cqrs.store.opening import open_database
from cqrs.workers.operation_runner import OperationRunner
from tests.projections.house import House
from tests.projections.library import Members

LEASE_SECONDS = 0.5
#: A worker takes its time, so that every phase is long enough to be hit.
DAWDLE_SECONDS = 0.003


def context() -> ForkServerContext:
    """Processes that begin with everything imported, from a parent that never had a database open."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["tests.reliability.replay_processes", "sqlite3", "psycopg"])
    return made


def open_house(url: str, projection: type[Projection] = Members) -> House:
    database = open_database(url, root=Path())
    return House(database, projection, operation_lease=LEASE_SECONDS, lease_seconds=LEASE_SECONDS)


def work(url: str) -> None:
    """A worker: moves the live generation and carries out operations, until it is killed."""
    house = open_house(url)
    house.store.hook = lambda name: time.sleep(DAWDLE_SECONDS)
    threading.Thread(target=_move, args=[house], daemon=True).start()
    handlers = {"replay": house.projections.replay(), "rollback": house.projections.roll_back()}
    runner = OperationRunner(house.operations, handlers, f"worker-{time.monotonic_ns()}")
    while True:
        _calmly(lambda: runner.step() or time.sleep(0.01))


def _move(house: House) -> None:
    runner = house.projections.runner("members", f"worker-{time.monotonic_ns()}")
    while True:
        outcome = runner.step()
        time.sleep(max(outcome.delay, 0.005))


def _calmly(step: Callable[[], object]) -> None:
    """A database that is busy for a moment is no reason to end."""
    try:
        step()
    except Exception:
        time.sleep(0.05)


def start(target: Callable[..., None], *arguments: Any) -> ForkServerProcess:
    process = context().Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def read_on(url: str, report: Any, stopping: Event) -> None:
    """Read all rows again and again; reports (reads, empty, mixed, errors, longest wait in seconds)."""
    reads = empty = mixed = 0
    errors: list[str] = []
    longest = 0.0
    engine = _engine(url)
    while not stopping.is_set():
        began = time.perf_counter()
        try:
            with engine.connect() as connection:
                rows = connection.exec_driver_sql("SELECT member_id, owed FROM members").all()
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
            continue
        longest = max(longest, time.perf_counter() - began)
        reads += 1
        empty += not rows
        mixed += len({owed > 0 for _, owed in rows}) > 1 or len(rows) != len(dict(rows))
        if reads % 20 == 0:
            report.put((20, 0, 0, [], 0.0))
    report.put((reads % 20, empty, mixed, errors[:3], longest))
    engine.dispose()


@contextmanager
def reading(url: str) -> Iterator[None]:
    """Has looked at the rows, and keeps its transaction open."""
    engine = _engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT count(*) FROM members").scalar()
        yield
    engine.dispose()


def _engine(url: str) -> sa.Engine:
    """As any other program would open it."""
    if url.startswith("sqlite"):
        return sa.create_engine(url, connect_args={"timeout": 5.0})
    return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
