"""Asking queries, and waiting until an answer knows what the caller has written."""

from __future__ import annotations

from flask import Blueprint, Response, request

from cqrs.console import json_answer
from cqrs.console.access import needs
from cqrs.console.commanding import command_context
from cqrs.console.current import runtime
from cqrs.console.parameters import Parameters
from cqrs.dispatch import Unvalidated
from cqrs.errors import NotFound
from cqrs.messages import Role

bp = Blueprint("api_queries", __name__, url_prefix="/api/queries")

MINE = ("min_position", "timeout_ms")
USUAL_WAIT_MS = 1_000
LONGEST_WAIT_MS = 10_000


@bp.get("/<name>")
@needs(Role.VIEWER)
def ask(name: str) -> Response:
    asked = Parameters(request.args)
    wanted = asked.whole("min_position")
    timeout = asked.whole("timeout_ms", highest=LONGEST_WAIT_MS)
    asked.check()
    answer = runtime().mediator.ask(
        Unvalidated(name, query_fields(), strict=False),
        context=command_context(),
        min_position=wanted,
        wait_seconds=(USUAL_WAIT_MS if timeout is None else timeout) / 1_000,
    )
    if answer.value is None:
        response = json_answer.error(404, "not_found", str(NotFound(what="answer to", name=name)))
    else:
        response = json_answer.send(answer.value)
    if answer.position is not None:
        response.headers["X-Position"] = str(answer.position)
    return response


def query_fields() -> dict[str, object]:
    """A parameter given several times is a list."""
    given = {name: values for name, values in request.args.lists() if name not in MINE}
    return {name: values[0] if len(values) == 1 else values for name, values in given.items()}
