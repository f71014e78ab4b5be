"""The types of events: what each looks like, how often it happened, and who does something with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, navigation
from cqrs.console.access import needs
from cqrs.console.event_rows import EventRow, event_rows
from cqrs.console.event_type_facts import (
    TypeFacts,
    Upcaster,
    default_of,
    description_of,
    schema_of,
    type_named,
    types_page,
    upcasters_for,
)
from cqrs.console.links import tidied, with_query
from cqrs.console.parameters import Parameters
from cqrs.console.rendering import render, unchanged
from cqrs.fields import Field
from cqrs.messages import Role
from cqrs.store.records import EventFilter

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

bp = Blueprint("event_types", __name__)

LATEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeList:
    types: Sequence[TypeFacts]
    sentence: str
    first: str | None
    more: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeDetail:
    facts: TypeFacts
    description: str | None
    fields: Sequence[tuple[Field, object]]
    upcasters: Sequence[Upcaster]
    latest: Sequence[EventRow]


@bp.get("/event-types")
@needs(Role.VIEWER)
def index() -> AnyResponse:
    tidy = tidied()
    if tidy is not None:
        return tidy
    tag = navigation.tag()
    same = unchanged(tag)
    if same is not None:
        return same
    asked = Parameters(request.args)
    cursor, limit = asked.text("cursor"), asked.limit()
    asked.check()
    found, here = types_page(cursor, limit), url_for("event_types.index")
    page = TypeList(
        types=found.items,
        sentence=_sentence(found.items),
        first=here if cursor else None,
        more=with_query(here, {"cursor": found.next}) if found.next else None,
    )
    return render("event_types/index.html", tag=tag, follow=cursor is None, page=page)


@bp.get("/event-types/<key:name>")
@needs(Role.VIEWER)
def show(name: str) -> Response:
    facts = type_named(name)
    page = TypeDetail(
        facts=facts,
        description=description_of(name),
        fields=[(field, default_of(field)) for field in schema_of(name)],
        upcasters=upcasters_for(facts),
        latest=event_rows(current.runtime().events.read_back(limit=LATEST, where=EventFilter(types=(name,)))),
    )
    return render("event_types/show.html", tag=navigation.tag(), follow=True, page=page)


def _sentence(types: Sequence[TypeFacts]) -> str:
    """What needs a look on this page."""
    unknown = sum(each.unknown for each in types)
    unhandled = sum(not each.handled_by and not each.unknown for each in types)
    newer = sum(bool(each.too_new) for each in types)
    said = [
        f"{count} {words}"
        for count, words in (
            (unknown, "unknown to this program"),
            (newer, "stored in a version newer than this program"),
            (unhandled, "handled by no projection"),
        )
        if count
    ]
    return ", ".join(said) if said else "all of them declared and handled"
