"""A filter of events in words, and the links that take one part of it away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask import request, url_for

from cqrs.console.event_search import EventSearch
from cqrs.console.filters import moment
from cqrs.console.links import with_query
from cqrs.console.verdict import Span


@dataclass(frozen=True, slots=True)
class Part:
    """One condition. `href` is the same list without it."""

    label: str
    href: str


def sentence_of(search: EventSearch) -> list[Span]:
    """ "Events of type OrderPlaced on stream order-42, since …, newest first." with the values strong."""
    conditions = list(_conditions(search))
    spans = [Span("Events" if conditions else "All events")]
    for words, value in conditions:
        spans += [Span(f" {words} "), Span(value, strong=True)]
    return [*spans, Span(", newest first.")]


def parts_of(search: EventSearch) -> list[Part]:
    where, field = search.where, search.payload.field
    given = {
        "type": (where.types, "the type" if len(where.types) == 1 else f"{len(where.types)} types"),
        "stream": (where.stream, "the stream"),
        "category": (where.category, "the category"),
        "correlation_id": (where.correlation_id, "the correlation"),
        "causation_id": (where.causation_id, "the cause"),
        "actor": (where.actor, "the actor"),
        "from": (where.since, "the start"),
        "to": (where.until, "the end"),
        "text": (search.payload.text or field, "the text" if field is None else "the field"),
    }
    return [Part(label, _without(name, tuple(given))) for name, (value, label) in given.items() if value]


def _conditions(search: EventSearch) -> Iterator[tuple[str, str]]:
    where, field = search.where, search.payload.field
    if where.types:
        yield "of type", " or ".join(where.types)
    for words, value in (
        ("on stream", where.stream),
        ("of category", where.category),
        ("of correlation", where.correlation_id),
        ("caused by", where.causation_id),
        ("by", where.actor),
    ):
        if value:
            yield words, value
    if where.since:
        yield "since", moment(where.since)
    if where.until:
        yield "before", moment(where.until)
    if search.payload.text:
        yield "whose payload contains", f"“{search.payload.text}”"
    if field is not None:
        yield "whose payload has", f"{field.path} = {field.value}"


def _without(name: str, names: Sequence[str]) -> str:
    """Paging begins anew: what the cursor pointed to may not be in the wider list."""
    kept = {
        other: [value for value in values if value]
        for other, values in request.args.lists()
        if other in names and other != name
    }
    return with_query(url_for("events.index"), kept)
