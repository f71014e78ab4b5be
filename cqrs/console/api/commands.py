"""Which commands there are, and sending them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from cqrs.console import json_answer, trail
from cqrs.console.access import needs
from cqrs.console.api import body
from cqrs.console.api.event_json import event_json, result_json
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.commanding import command_context
from cqrs.console.commands import about_of
from cqrs.console.current import runtime
from cqrs.console.parameters import LARGEST, Parameters
from cqrs.dispatch import Unvalidated
from cqrs.errors import ConcurrencyError
from cqrs.fields import fields_of
from cqrs.messages import Command, Role

bp = Blueprint("api_commands", __name__, url_prefix="/api/commands")

MOST_SINCE = 50
COLUMNS = ("name", "domain", "about", "fields")
FIELD = ("name", "type", "required", "secret", "help")


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """Of all domains, with their fields; /api/openapi.json has the schema of each."""
    asked = Parameters(request.args)
    form = format_of(asked)
    asked.check()
    domains = runtime().catalogue.domains
    items = [_json(domain.name, command) for domain in domains for command in domain.command_handlers]
    return send_list("commands", items, None, form=form, columns=COLUMNS)


@bp.post("/<name>")
@needs(Role.OPERATOR, action="command")
def send(name: str) -> Response:
    asked = Parameters(request.args)
    dry_run = asked.flag("dry_run")
    version = expected_version(asked)
    asked.check()
    message = Unvalidated(name, body.fields(), strict=True)
    key = request.headers.get("Idempotency-Key")
    context = command_context(idempotency_key=key, expected_version=version, dry_run=dry_run)
    try:
        done = runtime().mediator.send(message, context=context)
    except ConcurrencyError as error:
        return conflict(error)
    if dry_run:
        trail.forget()
    else:
        trail.note(detail={"command_id": done.command_id, "position": done.position, "repeated": done.repeated})
    return json_answer.send(result_json(done), 200 if dry_run or done.repeated else 201)


def expected_version(asked: Parameters) -> int | None:
    """If-Match: 3, or "3" as the header is written elsewhere. 0 says that the stream must not exist."""
    header = request.headers.get("If-Match")
    if header is None:
        return None
    text = header.strip().removeprefix("W/").strip('"')
    if text.isascii() and text.isdigit() and len(text) <= 19 and int(text) <= LARGEST:
        return int(text)
    asked.refuse("If-Match", 'Give the version the stream must have, such as "3".')
    return None


def conflict(error: ConcurrencyError) -> Response:
    """What happened since the caller looked is what they need to decide."""
    trail.note(reason=str(error))
    seen = error.expected if isinstance(error.expected, int) else error.actual
    events = runtime().events.read_stream(error.stream, after=seen, limit=MOST_SINCE)
    return json_answer.error(
        409, "conflict", str(error), stream=error.stream, version=error.actual, since=[event_json(e) for e in events]
    )


def _json(domain: str, command: type[Command]) -> dict[str, Any]:
    fields = [{name: getattr(each, name) for name in FIELD} for each in fields_of(command)]
    return {"name": command.__name__, "domain": domain, "about": about_of(command), "fields": fields}
