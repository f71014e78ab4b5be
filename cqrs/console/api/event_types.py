"""The types of events that the code declares or the log holds."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from cqrs.console import json_answer
from cqrs.console.access import needs
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.event_type_facts import TypeFacts, description_of, type_named, types_page, upcasters_for
from cqrs.console.parameters import Parameters
from cqrs.fields import json_schema
from cqrs.messages import Role
from cqrs.store.reports import Count

bp = Blueprint("api_event_types", __name__, url_prefix="/api/event-types")

COLUMNS = (
    "type", "declared_version", "count", "count_capped", "versions", "first_at", "first_position", "last_at",
    "last_position", "handled_by",
)  # fmt: skip


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """By name. `count_capped`: there are at least `count`. `declared_version` is null for a type unknown to this
    program."""
    asked = Parameters(request.args)
    form, limit, cursor = format_of(asked), asked.limit(), asked.text("cursor")
    asked.check()
    page = types_page(cursor, limit)
    return send_list("event_types", [_facts(item) for item in page.items], page.next, form=form, columns=COLUMNS)


@bp.get("/<key:name>")
@needs(Role.VIEWER)
def show(name: str) -> Response:
    """`schema` is the JSON Schema of the current version."""
    facts, cls = type_named(name), runtime().types.cls(name)
    steps = [
        {"from": step.before, "to": step.after, "description": step.note, "stored": _count(step.stored)}
        for step in upcasters_for(facts)
    ]
    schema = None if cls is None else json_schema(cls)
    about = {"description": description_of(name), "schema": schema, "upcasters": steps}
    return json_answer.send({**_facts(facts), **about})


def _facts(facts: TypeFacts) -> dict[str, Any]:
    return {
        "type": facts.name,
        "declared_version": facts.declared,
        "count": facts.count.value,
        "count_capped": facts.count.capped,
        "versions": [{"version": version, **(_count(count) or {})} for version, count in facts.versions.items()],
        "first_at": facts.first and facts.first.recorded_at,
        "first_position": facts.first and facts.first.position,
        "last_at": facts.last and facts.last.recorded_at,
        "last_position": facts.last and facts.last.position,
        "handled_by": list(facts.handled_by),
    }


def _count(count: Count | None) -> dict[str, Any] | None:
    return None if count is None else {"count": count.value, "capped": count.capped}
