"""Projections: all of them worst first, one on a page of its own, and pausing and resuming it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, measured, navigation, operation_words, toasts, trail
from cqrs.console.access import needs
from cqrs.console.charts import Sparkline, lag_line
from cqrs.console.estimates import Estimate, estimate
from cqrs.console.filters import number
from cqrs.console.operations import PACE
from cqrs.console.projection_page import projection_page
from cqrs.console.redirects import safe_next, see_other
from cqrs.console.rendering import render
from cqrs.errors import NotFound
from cqrs.messages import Role
from cqrs.projections.status import ProjectionStatus
from cqrs.workers.operation import Operation

if TYPE_CHECKING:
    from cqrs.store.reports import Count

bp = Blueprint("projections", __name__)

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionRow:
    status: ProjectionStatus
    lag: Sparkline
    replay: Estimate
    #: None before its first generation.
    rows: Count | None
    #: "rising" or "falling" where events wait and that is known.
    trend: str
    #: When the oldest event it has not applied was recorded.
    waiting_since: datetime | None
    #: What is being done to it now, and how far that is.
    operation: Operation | None
    progress: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionList:
    sentence: str
    rows: Sequence[ProjectionRow]
    paused: int
    #: All of them one after the other; None when that of any is not known.
    replay_seconds: float | None


@bp.get("/projections")
@needs(Role.VIEWER)
def index() -> Response:
    statuses = navigation.statuses()
    rows = projection_rows(statuses)
    page = ProjectionList(
        sentence=_sentence(statuses),
        rows=rows,
        paused=sum(status.paused_at is not None and status.failure is None for status in statuses),
        replay_seconds=_sum([row.replay.seconds for row in rows]),
    )
    return render("projections/index.html", tag=navigation.tag(), follow=True, page=page)


@bp.get("/projections/<name>")
@needs(Role.VIEWER)
def show(name: str) -> Response:
    page = projection_page(_status(name))
    pace = PACE if page.operation else None
    return render("projections/show.html", tag=navigation.tag(), follow=True, pace=pace, page=page)


@bp.post("/projections/<name>/pause")
@needs(Role.OPERATOR, action="pause")
def pause(name: str) -> Response:
    _status(name)
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON] or None
    trail.note(target=name, reason=reason)
    current.runtime().projections.pause(name, actor=_actor(), reason=reason)
    return _back(name, toasts.Toast(f"{name} is paused.", link="Resume", action=_resume(name)))


@bp.post("/projections/<name>/resume")
@needs(Role.OPERATOR, action="resume")
def resume(name: str) -> Response:
    failed = _status(name).failure is not None
    trail.note(target=name)
    current.runtime().projections.resume(name, actor=_actor())
    if failed:
        return _back(name, toasts.Toast(f"{name} tries again.", _address(name), "See how it goes"))
    return _back(name, toasts.Toast(f"{name} is resumed.", link="Pause", action=url_for(".pause", name=name)))


def projection_rows(statuses: Sequence[ProjectionStatus]) -> list[ProjectionRow]:
    return [_row(status, navigation.operation_on(status.name)) for status in statuses]


def _row(status: ProjectionStatus, operation: Operation | None) -> ProjectionRow:
    name, number_ = status.name, status.generation
    lags = measured.lags_of(name)
    return ProjectionRow(
        status=status,
        lag=lag_line(name, lags, during=measured.window_words()),
        replay=estimate(name, number_),
        rows=current.runtime().projections.row_count(name, number_) if number_ else None,
        trend=_trend(lags) if status.lag_events else "",
        waiting_since=current.runtime().clock() - timedelta(seconds=status.lag_seconds) if status.lag_seconds else None,
        operation=operation,
        progress=operation_words.short_progress(operation) if operation else "",
    )


def _trend(lags: Sequence[int | None]) -> str:
    """Of the last two parts of the chart; empty when one was not measured."""
    before, now = lags[-2:] if len(lags) > 1 else (None, None)
    if before is None or now is None or before == now:
        return ""
    return "rising" if now > before else "falling"


def _sum(seconds: Sequence[float | None]) -> float | None:
    known = [each for each in seconds if each is not None]
    return sum(known) if len(known) == len(seconds) else None


def _status(name: str) -> ProjectionStatus:
    """Raises NotFound: names come from the address."""
    if name not in current.runtime().projections.names():
        raise NotFound(what="projection", name=name)
    return next(status for status in navigation.statuses() if status.name == name)


def _sentence(statuses: Sequence[ProjectionStatus]) -> str:
    counts = {state: sum(status.state == state for status in statuses) for state in {s.state for s in statuses}}
    words = [f"{number(count)} {state.replace('_', ' ')}" for state, count in sorted(counts.items())]
    return f"Each one fills a read model from the log. Now: {', '.join(words)}." if words else ""


def _actor() -> str:
    who = current.principal()
    return who.name if who else "unknown"


def _address(name: str) -> str:
    return url_for("projections.show", name=name)


def _resume(name: str) -> str:
    return url_for("projections.resume", name=name)


def _back(name: str, toast: toasts.Toast) -> Response:
    """To the page the button was on."""
    came_from = request.form.get("next")
    return toasts.leave(see_other(safe_next(came_from) if came_from else _address(name)), toast)
