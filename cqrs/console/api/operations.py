"""Operations: long pieces of work, how far they are and how they ended."""

from __future__ import annotations

from flask import Blueprint, Response, request

from cqrs.console import json_answer, operation_words, trail
from cqrs.console.access import needs
from cqrs.console.api import body
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.operation_json import COLUMNS, LOG_COLUMNS, operation_json
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.messages import Role

bp = Blueprint("api_operations", __name__, url_prefix="/api/operations")


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """Newest first; kind, state and projection filter."""
    asked = Parameters(request.args)
    form, limit, cursor = format_of(asked), asked.limit(), asked.text("cursor")
    kind, state, projection = asked.text("kind"), asked.text("state"), asked.text("projection")
    asked.check()
    found = runtime().operations.page(kind=kind, state=state, projection=projection, before=cursor, limit=limit)
    # A page that is full may be the last one: then the next one is empty.
    following = found[-1].id if len(found) == limit else None
    return send_list("operations", [operation_json(each) for each in found], following, form=form, columns=COLUMNS)


@bp.get("/<key:identity>")
@needs(Role.VIEWER)
def show(identity: str) -> Response:
    """With its phases and the last lines of its log, the newest first."""
    operation = runtime().operations.get(identity)
    lines = [{name: getattr(line, name) for name in LOG_COLUMNS} for line in runtime().operations.log(identity)]
    return json_answer.send({**operation_json(operation), "log": lines})


@bp.post("/<key:identity>/cancel")
@needs(Role.OPERATOR, action="cancel")
def cancel(identity: str) -> Response:
    """What is under way ends at its next step; its result then says what that meant for readers."""
    _note(identity)
    return json_answer.send(operation_json(runtime().operations.cancel(identity, actor=actor())))


@bp.post("/<key:identity>/approve")
@needs(Role.OPERATOR, action="approve")
def approve(identity: str) -> Response:
    """Lets an operation go on that waits for review."""
    _note(identity)
    return json_answer.send(operation_json(runtime().operations.approve(identity, actor=actor())))


def _note(identity: str) -> None:
    reason = body.reason()
    operation = runtime().operations.get(identity)
    trail.note(target=operation_words.noun(operation), reason=reason, detail={"operation": operation.id})
