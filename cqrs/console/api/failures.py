"""Where a projection stopped: setting aside the key or passing over the event, and what was passed over before."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from cqrs.console import json_answer, trail
from cqrs.console.access import needs
from cqrs.console.api import body
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.api.projections import parked_json, status_json
from cqrs.console.current import runtime
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.replays import known
from cqrs.messages import Role
from cqrs.projections.skipped import Skipped

bp = Blueprint("api_failures", __name__, url_prefix="/api/projections")

COLUMNS = ("position", "key", "reason", "by", "at")


@bp.get("/<name>/failures")
@needs(Role.VIEWER)
def index(name: str) -> Response:
    """Events that were passed over, the newest first. Where it stands now is `failure` of the projection."""
    asked = Parameters(request.args)
    form, limit, cursor = format_of(asked), asked.limit(), asked.text("cursor")
    asked.check()
    page = runtime().projections.skipped(known(name), cursor=cursor, limit=limit)
    return send_list("skipped", [skipped_json(each) for each in page.items], page.next, form=form, columns=COLUMNS)


@bp.post("/<name>/failures/<position:position>/park")
@needs(Role.OPERATOR, action="park")
def park(name: str, position: int) -> Response:
    """Sets aside the key at which the projection stopped, with its later events; it goes on with all others."""
    reason = body.reason()
    trail.note(target=f"{known(name)}, event {position}", reason=reason)
    parked = runtime().projections.park_failing(name, position, actor=actor(), reason=reason)
    trail.note(target=f"{name} {parked.key}")
    return json_answer.send(parked_json(parked))


@bp.post("/<name>/failures/<position:position>/skip")
@needs(Role.OPERATOR, action="skip")
def skip(name: str, position: int) -> Response:
    """Passes over the event at which the projection stopped, for its key and for good; needs a reason."""
    reason = body.reason()
    trail.note(target=f"{known(name)}, event {position}", reason=reason)
    key = runtime().projections.skip_failing(name, position, reason=reason or "", actor=actor())
    trail.note(target=f"{name} {key}")
    return json_answer.send(status_json(runtime().projections.status(name)))


def skipped_json(skipped: Skipped) -> dict[str, Any]:
    return {name: getattr(skipped, name) for name in COLUMNS}
