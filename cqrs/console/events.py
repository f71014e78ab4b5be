"""The log as sentences: everything that happened, filtered by the address; one event with its causes and effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Response, redirect, request, url_for

from cqrs.console import current, event_search, masking, navigation
from cqrs.console.access import needs
from cqrs.console.event_filter import Part, parts_of, sentence_of
from cqrs.console.event_rows import Application, EventRow, applications, applied_sentence, event_row, event_rows
from cqrs.console.links import tidied, with_query
from cqrs.console.parameters import Parameters
from cqrs.console.payloads import Payload, payload_of
from cqrs.console.rendering import render
from cqrs.console.verdicts import Span
from cqrs.errors import InvalidMessage, NotFound
from cqrs.messages import Role
from cqrs.store.records import EVERYTHING, EventFilter, RecordedEvent

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

bp = Blueprint("events", __name__)

#: Neighbours in the stream on each side, and effects shown.
AROUND = 3
MOST_EFFECTS = 20
#: What a link to another page of the same list keeps.
PARAMETERS = frozenset(
    {"type", "stream", "category", "correlation_id", "causation_id", "actor", "from", "to", "text"}
    | {"after", "before", "limit"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventList:
    where: EventFilter
    #: What stands in the fields, also when it cannot be used.
    values: Mapping[str, str]
    errors: Mapping[str, Sequence[str]]
    types: Sequence[str]
    parts: Sequence[Part]
    sentence: Sequence[Span]
    events: Sequence[EventRow]
    newer: str | None
    older: str | None
    searched_to: int | None


@dataclass(frozen=True, slots=True)
class Cause:
    """`event` is None when a command caused it, or when its cause is not in the log."""

    words: str
    event: EventRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDetail:
    event: EventRow
    payload: Payload
    payload_json: str
    extra: Mapping[str, Any]
    metadata_json: str
    applications: Sequence[Application]
    applied: str
    cause: Cause
    effects: Sequence[EventRow]
    more_effects: bool
    #: Of the same stream, newest first, this one among them.
    neighbours: Sequence[EventRow]
    previous: int | None
    next: int | None


@bp.get("/events")
@needs(Role.VIEWER)
def index() -> AnyResponse:
    tidy = tidied()
    if tidy is not None:
        return tidy
    asked = Parameters(request.args)
    try:
        search = event_search.search_of(asked)
    except InvalidMessage as error:
        return render("events/index.html", 422, follow=False, page=_refused(error))
    found = event_search.find(current.runtime().events, search)
    if search.after is not None and found.next is None:
        return redirect(_address(after=None))  # these are the newest: the page that follows shows them
    follow = search.before is None and search.after is None and search.where.until is None
    page = _list(search, found)
    return render("events/index.html", tag=navigation.tag(), follow=follow, page=page)


@bp.get("/events/<position:position>")
@needs(Role.VIEWER)
def show(position: int) -> Response:
    event = current.runtime().events.get(position)
    if event is None:
        raise NotFound(what="event at position", name=position)
    return render("events/show.html", tag=navigation.tag(), follow=True, page=_detail(event))


def _list(search: event_search.EventSearch, found: event_search.EventPage) -> EventList:
    newest_first = list(found.items) if search.after is None else list(reversed(found.items))
    older = (found.next or "").removeprefix(event_search.DOWN) if search.after is None else None
    if search.after is not None and newest_first:
        older = str(newest_first[-1].position)
    paged = search.before is not None or search.after is not None
    return EventList(
        where=search.where,
        values=request.args.to_dict(),
        errors={},
        types=sorted(current.runtime().types.names()),
        parts=parts_of(search.where),
        sentence=sentence_of(search.where),
        events=event_rows(newest_first),
        newer=_address(before=None, after=newest_first[0].position) if paged and newest_first else None,
        older=_address(after=None, before=older) if older else None,
        searched_to=found.searched_to,
    )


def _refused(error: InvalidMessage) -> EventList:
    return EventList(
        where=EVERYTHING,
        values=request.args.to_dict(),
        errors=error.errors,
        types=sorted(current.runtime().types.names()),
        parts=(),
        sentence=(Span("Nothing is shown, because the filter cannot be used."),),
        events=(),
        newer=None,
        older=None,
        searched_to=None,
    )


def _address(**changes: str | int | None) -> str:
    """This list with other parameters."""
    kept = {name: [value for value in values if value] for name, values in request.args.lists() if name in PARAMETERS}
    return with_query(url_for("events.index"), {**kept, **changes})


def _detail(event: RecordedEvent) -> EventDetail:
    payload, done = payload_of(event), applications(event, navigation.statuses())
    extra = masking.metadata_of(event)
    effects = _effects(event)
    return EventDetail(
        event=event_row(event),
        payload=payload,
        payload_json=_pretty(payload.value),
        extra=extra if isinstance(extra, Mapping) else {"metadata": extra},
        metadata_json=_pretty(_metadata(event, extra)),
        applications=done,
        applied=applied_sentence(done),
        cause=_cause(event),
        effects=event_rows(effects[:MOST_EFFECTS]),
        more_effects=len(effects) > MOST_EFFECTS,
        neighbours=_neighbours(event),
        previous=_position_before(event),
        next=_position_after(event),
    )


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()


def _metadata(event: RecordedEvent, extra: object) -> dict[str, Any]:
    names = ("event_id", "correlation_id", "causation_id", "actor", "recorded_at", "stream", "version", "position")
    return {**{name: getattr(event, name) for name in names}, "metadata": extra}


def _cause(event: RecordedEvent) -> Cause:
    if event.causation_id is None:
        return Cause("Recorded without a cause")
    found = current.runtime().events.get_by_id(event.causation_id)
    if found is None:
        return Cause(f"A command of {event.actor}")
    return Cause("Caused by", event_row(found))


def _effects(event: RecordedEvent) -> list[RecordedEvent]:
    caused = EventFilter(causation_id=event.event_id)
    return current.runtime().events.read_all(after=event.position, limit=MOST_EFFECTS + 1, where=caused)


def _neighbours(event: RecordedEvent) -> list[EventRow]:
    first, last = max(0, event.version - AROUND - 1), event.version + AROUND
    return event_rows(current.runtime().events.read_stream(event.stream, after=first, until=last, backwards=True))


def _position_before(event: RecordedEvent) -> int | None:
    found = current.runtime().events.read_back(before=event.position, limit=1)
    return found[0].position if found else None


def _position_after(event: RecordedEvent) -> int | None:
    found = current.runtime().events.read_all(after=event.position, limit=1)
    return found[0].position if found else None
