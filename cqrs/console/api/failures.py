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
from cqrs.console.failures import look_ahead, parked_words
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.replays import known
from cqrs.messages import Role
from cqrs.projections.ahead import Ahead
from cqrs.projections.skipped import Skipped

bp = Blueprint("api_failures", __name__, url_prefix="/api/projections")

AHEAD_KEY = ("key", "position", "event_type", "error", "held")
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


@bp.get("/<name>/failures/ahead")
@needs(Role.VIEWER)
def ahead(name: str) -> Response:
    """Which keys fail at the event where it stands and behind it, up to `until`: what `park-ahead` would set aside.
    Without any `why` says what is in the way."""
    found, why = look_ahead(runtime().projections.status(known(name)))
    return json_answer.send({"ahead": None if found is None else ahead_json(found), "why": why})


@bp.post("/<name>/failures/<position:position>/park-ahead")
@needs(Role.OPERATOR, action="park")
def park_ahead(name: str, position: int) -> Response:
    """Sets aside the `keys` that fail up to `until`, as `ahead` told them, and applies all else up to there."""
    given = body.fields()
    until, keys = given.pop("until", None), given.pop("keys", None)
    reason = body.reason_in(given, until=_until_problem(until), keys=_keys_problem(keys))
    trail.note(target=f"what fails of {known(name)} from event {position} on", reason=reason)
    assert isinstance(until, int)
    assert isinstance(keys, list)
    done = runtime().projections.park_ahead(name, position, until=until, keys=keys, actor=actor(), reason=reason)
    trail.note(target=parked_words(name, done), detail={"keys": keys})
    return json_answer.send(ahead_json(done))


@bp.post("/<name>/failures/<position:position>/skip")
@needs(Role.OPERATOR, action="skip")
def skip(name: str, position: int) -> Response:
    """Passes over the event at which the projection stopped, for its key and for good; needs a reason."""
    reason = body.reason()
    trail.note(target=f"{known(name)}, event {position}", reason=reason)
    key = runtime().projections.skip_failing(name, position, reason=reason or "", actor=actor())
    trail.note(target=f"{name} {key}")
    return json_answer.send(status_json(runtime().projections.status(name)))


def _until_problem(found: object) -> str | None:
    whole = isinstance(found, int) and not isinstance(found, bool)
    return None if whole else "Give the position up to which it was looked."


def _keys_problem(found: object) -> str | None:
    texts = isinstance(found, list) and all(isinstance(each, str) for each in found)
    return None if texts else "Give the keys that fail, as a list of texts."


def ahead_json(ahead: Ahead) -> dict[str, Any]:
    keys = [{name: getattr(each, name) for name in AHEAD_KEY} for each in ahead.keys]
    return {"until": ahead.until, "is_head": ahead.is_head, "events": ahead.events, "held": ahead.held, "keys": keys}


def skipped_json(skipped: Skipped) -> dict[str, Any]:
    return {name: getattr(skipped, name) for name in COLUMNS}
