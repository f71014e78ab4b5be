"""How the installation itself is: who works, who holds what, where the log stands, what it all rests on."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cqrs.errors import CqrsError
from cqrs.projections.status import ProjectionStatus
from cqrs.runtime import Runtime
from cqrs.shown_settings import ShownSetting, shown_settings
from cqrs.store import schema
from cqrs.store.database_facts import DatabaseFacts, database_facts
from cqrs.store.order_report import OrderReport
from cqrs.version import VERSION
from cqrs.workers.heartbeats import WorkerInfo
from cqrs.workers.leases import Holding


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReport:
    """The last visible position, the last one readers may pass, and on PostgreSQL who holds the order."""

    head: int
    safe_head: int
    #: None where commits are in order anyway.
    order: OrderReport | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemReport:
    log: LogReport
    #: Silent ones too, for a day; a worker that stopped by itself is not among them.
    workers: Sequence[WorkerInfo]
    scheduler: Holding | None
    #: None with an `error`: the read database could not be read.
    projections: Sequence[ProjectionStatus] | None
    error: str | None
    databases: Sequence[DatabaseFacts]
    settings: Sequence[ShownSetting]
    #: Of what runs here, by name.
    versions: Mapping[str, str]


def log_document(log: LogReport) -> dict[str, Any]:
    """`order` is None where nothing can hold it; `holders` are only looked for while events wait."""
    order = log.order
    told = None if order is None else {
        "waiting": order.waiting, "dead": order.dead, "held_seconds": order.held_seconds, "sentence": order.sentence,
        "holders": [{**dataclasses.asdict(each), "remedy": each.remedy} for each in order.holders],
    }  # fmt: skip
    return {"head": log.head, "safe_head": log.safe_head, "order": told}


def log_report(runtime: Runtime) -> LogReport:
    """Raises DatabaseUnavailable."""
    order = runtime.events.order()
    if order is not None:
        return LogReport(head=order.head, safe_head=order.safe_head, order=order)
    head = runtime.events.head()
    return LogReport(head=head, safe_head=head, order=None)


def system_report(runtime: Runtime) -> SystemReport:
    """Raises DatabaseUnavailable when the main database cannot be read; the read database may be away."""
    projections, error = None, None
    try:
        projections = runtime.projections.statuses()
    except CqrsError as fault:
        error = str(fault)
    return SystemReport(
        log=log_report(runtime),
        workers=runtime.workers.known(),
        scheduler=runtime.schedules.scheduler(),
        projections=projections,
        error=error,
        databases=_databases(runtime),
        settings=shown_settings(runtime.settings),
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    return {"Projectionist": VERSION, "Python": platform.python_version(), "SQLAlchemy": sa.__version__}


def _databases(runtime: Runtime) -> list[DatabaseFacts]:
    main, read = ("main", schema.MAIN), ("read", schema.READ)
    if runtime.read is runtime.main:
        return [database_facts(runtime.main, "log and read models", (main, read))]
    return [
        database_facts(runtime.main, "log", (main,)),
        database_facts(runtime.read, "read models", (read,)),
    ]
