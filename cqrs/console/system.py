"""The installation itself: its workers, who holds what, where the log stands, its databases and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, toasts, trail
from cqrs.console.access import needs
from cqrs.console.filters import number
from cqrs.console.navigation import SLOT, short_hash
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.console.replays import reason_given
from cqrs.errors import OrderNotHeld
from cqrs.messages import Role
from cqrs.store.order_report import Holder, OrderReport
from cqrs.system_report import LogReport, SystemReport, system_report
from cqrs.workers.heartbeats import WorkerInfo

bp = Blueprint("system", __name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPage:
    headline: str
    report: SystemReport
    alive: Sequence[WorkerInfo]
    silent: Sequence[WorkerInfo]

    @property
    def log(self) -> LogReport:
        return self.report.log


@bp.get("/system")
@needs(Role.VIEWER)
def index() -> Response:
    report = system_report(current.runtime())
    alive = sorted((each for each in report.workers if not each.silent), key=lambda each: each.started_at)
    silent = [each for each in report.workers if each.silent]
    page = SystemPage(headline=_headline(report.log, len(alive)), report=report, alive=alive, silent=silent)
    return render("system/index.html", tag=_tag(report), follow=True, page=page)


@dataclass(frozen=True, slots=True)
class HolderPage:
    """The question before somebody ends it."""

    holder: Holder
    order: OrderReport


@bp.get("/system/holder")
@needs(Role.VIEWER)
def holder() -> Response:
    """Raises OrderNotHeld: it may have ended since it was shown."""
    transaction = request.args.get("transaction", "")
    order = current.runtime().events.order()
    found = next((each for each in order.holders if each.transaction == transaction), None) if order else None
    if order is None or found is None:
        raise OrderNotHeld(transaction=transaction)
    return render("system/holder.html", page=HolderPage(found, order))


@bp.post("/system/holder")
@needs(Role.OPERATOR, action="end-append")
def end_append() -> Response:
    """Raises OrderNotHeld, HolderProtected, HolderStays."""
    transaction = request.form.get("transaction", "")
    trail.note(target=transaction or "no transaction", reason=reason_given())
    ended = current.runtime().events.end_holder(transaction)
    trail.note(target=ended.name, detail=ended_json(ended))
    toast = toasts.Toast(f"The append of {ended.name} was ended and rolled back.")
    return toasts.leave(see_other(url_for("system.index")), toast)


def ended_json(ended: Holder) -> dict[str, Any]:
    names = ("transaction", "pid", "prepared", "application", "user", "state", "age_seconds")
    return {name: getattr(ended, name) for name in names}


def _headline(log: LogReport, alive: int) -> str:
    if log.order is not None and log.order.held_back:
        return f"The order of the log is held at {number(log.safe_head)}."
    if alive == 0:
        return "No worker is alive."
    workers = "1 worker is" if alive == 1 else f"{alive} workers are"
    return f"{workers} alive, and readers may read the whole log."


def _tag(report: SystemReport) -> str:
    now = current.runtime().clock()
    owners = [(each.name, each.owner) for each in report.projections or ()]
    seen = (report.log.head, report.log.safe_head, [each.id for each in report.workers], report.scheduler, owners)
    return short_hash((*seen, int(now.timestamp()) // SLOT))
