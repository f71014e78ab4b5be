"""The installation itself: its workers, who holds what, where the log stands, its databases and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response

from cqrs.console import current
from cqrs.console.access import needs
from cqrs.console.filters import number
from cqrs.console.navigation import SLOT, short_hash
from cqrs.console.rendering import render
from cqrs.messages import Role
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
