"""Projections: how they are, pausing and replaying them, and what they have set aside."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from cqrs.console import all_projections as every
from cqrs.console import json_answer, trail
from cqrs.console.access import needs
from cqrs.console.api import body
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.operation_json import accepted, address_of
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.replays import known
from cqrs.messages import Role
from cqrs.projections.drift_known import DriftKnown
from cqrs.projections.release import Released
from cqrs.projections.status import ProjectionStatus
from cqrs.readmodels.set_aside import ParkedKey

bp = Blueprint("api_projections", __name__, url_prefix="/api/projections")

COLUMNS = (
    "name", "state", "checkpoint", "head", "lag_events", "lag_seconds", "seconds_since_advance", "rate", "parked",
    "generation", "last_check",
)  # fmt: skip
LAST_CHECK = ("id", "level", "reference", "verdict", "position", "checked", "differing", "at")
PARKED_COLUMNS = ("key", "position", "event_type", "error", "attempts", "held", "parked_at", "parked_by", "reason")


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


@bp.post("/pause")
@needs(Role.OPERATOR, action="pause")
def pause_all() -> Response:
    """All that are not paused yet; answers their names."""
    return json_answer.send({"projections": every.pause_all(body.reason())})


@bp.delete("/pause")
@needs(Role.OPERATOR, action="resume")
def resume_all() -> Response:
    """All that are paused; answers their names, and why the others do not go on."""
    body.reason()
    resumed, refused = every.resume_all()
    return json_answer.send({"projections": resumed, "refused": refused})


@bp.post("/replays")
@needs(Role.OPERATOR, action="replay")
def replay_all() -> Response:
    """All of them, two at once at most; answers the operations by name, and why the others were not started."""
    started, refused = every.replay_all(body.reason())
    operations = {name: address_of(operation) for name, operation in started.items()}
    return json_answer.send({"operations": operations, "refused": refused}, 202)


@bp.post("/<name>/replays")
@needs(Role.OPERATOR, action="replay")
def replay(name: str) -> Response:
    """Into a new generation, which readers see once it has caught up and was compared; with review, once approved."""
    given = body.fields()
    review = given.pop("review", False)
    reason = body.reason_in(given, review=body.flag_problem(review))
    trail.note(target=known(name), reason=reason)
    return accepted(runtime().start_replay(name, actor=actor(), reason=reason, review=bool(review)))


@bp.post("/<name>/rollback")
@needs(Role.OPERATOR, action="rollback")
def roll_back(name: str) -> Response:
    """To the generation readers saw before; needs a reason where other code made that one."""
    reason = body.reason()
    trail.note(target=known(name), reason=reason)
    return accepted(runtime().start_rollback(name, actor=actor(), reason=reason))


@bp.get("/<name>/parked")
@needs(Role.VIEWER)
def parked(name: str) -> Response:
    asked = Parameters(request.args)
    form, limit, cursor = format_of(asked), asked.limit(), asked.text("cursor")
    asked.check()
    page = runtime().projections.parked(known(name), cursor=cursor, limit=limit)
    return send_list("parked", [parked_json(key) for key in page.items], page.next, form=form, columns=PARKED_COLUMNS)


@bp.post("/<name>/parked/retry")
@needs(Role.OPERATOR, action="retry")
def retry_all(name: str) -> Response:
    """The events of all parked keys, applied in order as the code is now; keys that fail again stay parked."""
    trail.note(target=f"all parked keys of {known(name)}", reason=body.reason())
    return json_answer.send(released_json(runtime().projections.retry_parked(name)))


@bp.post("/<name>/parked/<key:key>/retry")
@needs(Role.OPERATOR, action="retry")
def retry(name: str, key: str) -> Response:
    trail.note(target=f"{known(name)} {key}", reason=body.reason())
    return json_answer.send(released_json(runtime().projections.retry_parked(name, key)))


@bp.post("/<name>/parked/<key:key>/skip")
@needs(Role.OPERATOR, action="skip")
def skip(name: str, key: str) -> Response:
    """Passes over the event that failed, for this key and for good, and applies what comes behind it."""
    reason = body.reason()
    trail.note(target=f"{known(name)} {key}", reason=reason)
    return json_answer.send(
        released_json(runtime().projections.skip_parked(name, key, reason=reason or "", actor=actor()))
    )


def released_json(released: Released) -> dict[str, Any]:
    return {"released": released.keys, "failed": [parked_json(key) for key in released.failed]}


def parked_json(parked: ParkedKey) -> dict[str, Any]:
    return {name: getattr(parked, name) for name in PARKED_COLUMNS}


def last_check_json(drift: DriftKnown) -> dict[str, Any] | None:
    """`standing` are rows that some check found to differ and nobody put right, in this check or an earlier one."""
    last = drift.last_check
    if last is None:
        return None
    facts = {name: getattr(last, name) for name in LAST_CHECK}
    return {"check": f"/api/checks/{last.id}", **facts, "standing": drift.standing, "capped": drift.capped}


def status_json(status: ProjectionStatus) -> dict[str, Any]:
    """Tracebacks stay inside, here and of parked keys: they may hold values of events."""
    failure = status.failure
    return {
        **{name: getattr(status, name) for name in COLUMNS},
        "last_check": last_check_json(status.drift),
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
