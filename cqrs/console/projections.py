"""Projections: all of them worst first, one with its lag, failure and parked keys, and pausing and resuming."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, measured, navigation, toasts, trail
from cqrs.console.access import needs
from cqrs.console.charts import Sparkline, lag_line
from cqrs.console.event_rows import EventRow, event_row
from cqrs.console.filters import number
from cqrs.console.payloads import payload_of
from cqrs.console.redirects import safe_next, see_other
from cqrs.console.rendering import render
from cqrs.errors import NotFound
from cqrs.messages import Role, event_name
from cqrs.projections.status import ProjectionStatus

if TYPE_CHECKING:
    from cqrs.projections.parked import ParkedKey
    from cqrs.projections.projection import Projection

bp = Blueprint("projections", __name__)

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class ProjectionRow:
    status: ProjectionStatus
    lag: Sparkline


@dataclass(frozen=True, slots=True)
class HandlerRow:
    event_type: str
    method: str
    creates: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionList:
    sentence: str
    rows: Sequence[ProjectionRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionPage:
    status: ProjectionStatus
    about: str | None
    on_error: str
    lag: Sparkline
    handlers: Sequence[HandlerRow]
    #: None when the event at which it stopped cannot be read.
    failed_event: EventRow | None
    payload: object
    #: Events behind the one that stopped it; None when unknown or nothing stopped.
    waiting: int | None
    parked: Sequence[ParkedKey]
    first_parked: str | None
    more_parked: str | None


@bp.get("/projections")
@needs(Role.VIEWER)
def index() -> Response:
    statuses = navigation.statuses()
    page = ProjectionList(sentence=_sentence(statuses), rows=projection_rows(statuses))
    return render("projections/index.html", tag=navigation.tag(), follow=True, page=page)


@bp.get("/projections/<name>")
@needs(Role.VIEWER)
def show(name: str) -> Response:
    status = _status(name)
    page = _page(status, current.runtime().projections.definition(name), request.args.get("parked"))
    return render("projections/show.html", tag=navigation.tag(), follow=True, page=page)


@bp.post("/projections/<name>/pause")
@needs(Role.OPERATOR, action="pause")
def pause(name: str) -> Response:
    _status(name)
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON] or None
    trail.note(target=name, reason=reason)
    current.runtime().projections.pause(name, actor=_actor(), reason=reason)
    return _back(name, toasts.Toast(f"{name} is paused.", _address(name), "Resume"))


@bp.post("/projections/<name>/resume")
@needs(Role.OPERATOR, action="resume")
def resume(name: str) -> Response:
    failed = _status(name).failure is not None
    trail.note(target=name)
    current.runtime().projections.resume(name, actor=_actor())
    words = f"{name} tries again." if failed else f"{name} is resumed."
    return _back(name, toasts.Toast(words, _address(name), "See how it goes"))


def projection_rows(statuses: Sequence[ProjectionStatus]) -> list[ProjectionRow]:
    return [ProjectionRow(status, _lag(status.name)) for status in statuses]


def _lag(name: str) -> Sparkline:
    return lag_line(name, measured.lags_of(name), during=measured.window_words())


def _page(status: ProjectionStatus, definition: type[Projection], cursor: str | None) -> ProjectionPage:
    runtime = current.runtime()
    failure = status.failure
    failed = runtime.events.get(failure.position) if failure else None
    parked = runtime.projections.parked(status.name, cursor=cursor)
    return ProjectionPage(
        status=status,
        about=inspect.cleandoc(definition.__doc__).split("\n\n")[0] if definition.__doc__ else None,
        on_error=definition.on_error,
        lag=_lag(status.name),
        handlers=_handlers(definition),
        failed_event=event_row(failed) if failed else None,
        payload=payload_of(failed).value if failed else None,
        waiting=max(0, status.lag_events - 1) if failure and status.lag_events is not None else None,
        parked=parked.items,
        first_parked=url_for("projections.show", name=status.name, _anchor="parked") if cursor else None,
        more_parked=url_for("projections.show", name=status.name, parked=parked.next, _anchor="parked")
        if parked.next
        else None,
    )


def _handlers(definition: type[Projection]) -> list[HandlerRow]:
    return sorted(
        (HandlerRow(event_name(h.event), h.function.__name__, h.creates) for h in definition.handlers),
        key=lambda row: row.event_type,
    )


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


def _back(name: str, toast: toasts.Toast) -> Response:
    """To the page the button was on."""
    came_from = request.form.get("next")
    return toasts.leave(see_other(safe_next(came_from) if came_from else _address(name)), toast)
