"""A worker in a process of its own that checks and repairs the gauges, and may die at any moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cqrs.drift.bench import CheckSizes
from cqrs.drift.repair import Repair
from cqrs.errors import DatabaseBusy, DatabaseUnavailable, Fenced
from cqrs.identifiers import new_id
from cqrs.operators.audit import Audit
from cqrs.readmodels.row_repairs import RowRepairs
from cqrs.store.opening import open_database
from cqrs.workers.operation_runner import OperationRunner
from tests.drift.gauges import Station
from tests.reliability.replay_processes import context

#: So short that nobody has to wait for the lease of the dead.
LEASE_SECONDS = 0.5
#: A check writes down where it is as often as if so much more time had passed.
HASTE = 30.0
SIZES = CheckSizes(chunk_keys=10)


def open_station(url: str) -> Station:
    hurried = {"monotonic": lambda: time.monotonic() * HASTE}
    return Station(open_database(url, root=Path()), check_sizes=SIZES, lease_seconds=LEASE_SECONDS, **hurried)


def handlers(station: Station) -> dict[str, Any]:
    audit = Audit(station.database)

    def note(connection: sa.Connection, actor: str, name: str, reason: str | None, detail: Any) -> None:
        told = {"actor": actor, "role": "operator", "address": "worker", "action": "repair-rows", "target": name}
        audit.record_on(connection, **told, outcome="done", reason=reason, detail=detail)

    repairs = RowRepairs(station.database, LEASE_SECONDS)
    repair = Repair(station.checks, lambda name: station.judge, repairs, station.store, note)
    return {"check": station.handler, "repair": repair}


def work(url: str) -> None:
    """Moves the gauges and carries out operations, until it is killed."""
    station = open_station(url)
    owner = f"worker {new_id()}"
    operations = OperationRunner(station.operations, handlers(station), owner)
    runner = station.projections.runner(station.name, owner)
    while True:
        _calmly(runner.step)
        _calmly(operations.step)
        time.sleep(0.005)


def _calmly(step: Callable[[], object]) -> None:
    """Whoever is overtaken, or meets a busy database, tries again."""
    with contextlib.suppress(DatabaseBusy, DatabaseUnavailable, Fenced):
        step()


def start(url: str) -> BaseProcess:
    processes = context()
    processes.set_forkserver_preload([__name__, "sqlite3", "psycopg"])
    process = processes.Process(target=work, args=[url], daemon=True)
    process.start()
    return process
