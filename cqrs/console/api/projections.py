"""Projections: how they are, pausing them, and what they have set aside."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from cqrs.console import current, json_answer, trail
from cqrs.console.access import needs
from cqrs.console.api import body
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.parameters import Parameters
from cqrs.errors import NotFound, NotSignedIn
from cqrs.messages import Role
from cqrs.projections.status import ProjectionStatus
from cqrs.readmodels.store import ParkedKey

bp = Blueprint("api_projections", __name__, url_prefix="/api/projections")

COLUMNS = (
    "name", "state", "checkpoint", "head", "lag_events", "lag_seconds", "seconds_since_advance", "rate", "parked",
    "generation", "last_check",
)  # fmt: skip
PARKED_COLUMNS = ("key", "position", "event_type", "error", "attempts", "held", "parked_at")


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """All of them, the worst first."""
    asked = Parameters(request.args)
    form = format_of(asked)
    asked.check()
    items = [status_json(status) for status in runtime().projections.statuses()]
    return send_list("projections", items, None, form=form, columns=COLUMNS)


@bp.get("/<name>")
@needs(Role.VIEWER)
def show(name: str) -> Response:
    return json_answer.send(status_json(runtime().projections.status(known(name))))


@bp.post("/<name>/pause")
@needs(Role.OPERATOR, action="pause")
def pause(name: str) -> Response:
    reason = body.reason()
    trail.note(reason=reason)
    runtime().projections.pause(known(name), actor=actor(), reason=reason)
    return show(name)


@bp.delete("/<name>/pause")
@needs(Role.OPERATOR, action="resume")
def resume(name: str) -> Response:
    """Also lets a failed projection try again."""
    trail.note(reason=body.reason())
    runtime().projections.resume(known(name), actor=actor())
    return show(name)


@bp.get("/<name>/parked")
@needs(Role.VIEWER)
def parked(name: str) -> Response:
    asked = Parameters(request.args)
    form, limit, cursor = format_of(asked), asked.limit(), asked.text("cursor")
    asked.check()
    page = runtime().projections.parked(known(name), cursor=cursor, limit=limit)
    return send_list("parked", [parked_json(key) for key in page.items], page.next, form=form, columns=PARKED_COLUMNS)


def known(name: str) -> str:
    """Raises NotFound."""
    if name not in runtime().projections.names():
        raise NotFound(what="projection", name=name)
    return name


def actor() -> str:
    who = current.principal()
    if who is None:
        raise NotSignedIn()
    return who.name


def parked_json(parked: ParkedKey) -> dict[str, Any]:
    return {name: getattr(parked, name) for name in PARKED_COLUMNS}


def status_json(status: ProjectionStatus) -> dict[str, Any]:
    """Tracebacks stay inside, here and of parked keys: they may hold values of events."""
    failure = status.failure
    return {
        **{name: getattr(status, name) for name in COLUMNS},
        "failure": None if failure is None else {
            "position": failure.position,
            "event_type": failure.event_type,
            "key": failure.key,
            "error": failure.error,
            "at": failure.at,
        },
        "paused_by": status.paused_by,
        "paused_reason": status.paused_reason,
        "paused_at": status.paused_at,
        "handles": status.handles,
        "note": status.note,
    }  # fmt: skip
