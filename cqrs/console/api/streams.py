"""Streams, and one stream at a version."""

from __future__ import annotations

from dataclasses import asdict

import msgspec
from flask import Blueprint, Response, request

from cqrs.console import json_answer, masking
from cqrs.console.access import needs
from cqrs.console.api.event_json import event_json
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.parameters import Parameters
from cqrs.console.unmasking import unmask_asked
from cqrs.errors import NotFound
from cqrs.messages import Role

bp = Blueprint("api_streams", __name__, url_prefix="/api/streams")

COLUMNS = ("stream", "version", "last_position", "first_at", "last_at")


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """By name."""
    asked = Parameters(request.args)
    form, limit = format_of(asked), asked.limit()
    category, prefix, cursor = asked.text("category"), asked.text("prefix"), asked.text("cursor")
    asked.check()
    page = runtime().reports.streams(category=category, prefix=prefix, cursor=cursor, limit=limit)
    return send_list("streams", [asdict(item) for item in page.items], page.next, form=form, columns=COLUMNS)


@bp.get("/<key:stream>")
@needs(Role.VIEWER)
def show(stream: str) -> Response:
    """`events` from the oldest; `state` and `version` as of `at`, which is the newest version unless given."""
    asked = Parameters(request.args)
    newest = runtime().events.stream_version(stream)
    if newest == 0:
        raise NotFound(what="stream", name=stream)
    at = asked.whole("at", lowest=1, highest=newest) or newest
    after, limit, unmasked = asked.whole("cursor", highest=newest) or 0, asked.limit(), unmask_asked(asked)
    asked.check()
    found = runtime().events.read_stream(stream, after=after, until=at, limit=limit + 1)
    items = found[:limit]
    state = msgspec.to_builtins(runtime().stream_state(stream, at), str_keys=True, enc_hook=str)
    return json_answer.send(
        {
            "stream": stream,
            "version": at,
            "newest": newest,
            "state": state if unmasked else masking.masked(state),
            "events": [event_json(event, unmasked=unmasked) for event in items],
            "next": str(items[-1].version) if len(found) > limit else None,
        }
    )
