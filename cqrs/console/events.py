"""The log as sentences: everything that happened, filtered by the address."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, redirect, request

from cqrs.console import current, event_search, navigation
from cqrs.console.access import needs
from cqrs.console.event_detail import EventDetail, detail_of
from cqrs.console.event_facets import Facet, facets_for
from cqrs.console.event_filter import Part, parts_of, sentence_of
from cqrs.console.event_lines import EventLine, event_lines
from cqrs.console.event_rows import event_rows
from cqrs.console.fixed_addresses import address_of
from cqrs.console.links import tidied, with_query
from cqrs.console.parameters import Parameters
from cqrs.console.rendering import render, unchanged
from cqrs.console.verdict import Span
from cqrs.errors import InvalidMessage, NotFound
from cqrs.messages import Role

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

bp = Blueprint("events", __name__)

FILTERS = frozenset({"type", "stream", "category", "correlation_id", "causation_id", "actor", "from", "to", "text"})
#: What a link to another page of the same list keeps.
PARAMETERS = FILTERS | {"after", "before", "limit"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """The same list for programs."""

    json: str
    csv: str
    curl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventList:
    #: What stands in the fields, also when it cannot be used.
    values: Mapping[str, str]
    chosen_types: Sequence[str]
    errors: Mapping[str, Sequence[str]]
    types: Sequence[str]
    parts: Sequence[Part] = ()
    sentence: Sequence[Span]
    facets: Sequence[Facet] = ()
    lines: Sequence[EventLine] = ()
    #: The newest page of this list; None when this is the one.
    newest: str | None = None
    newer: str | None = None
    older: str | None = None
    #: Where the search stopped looking though the page is not full, and the list that goes on from there.
    searched_to: int | None = None
    further: str | None = None
    #: The event that is open beside the list, and the same list without it.
    opened: EventDetail | None = None
    closed: str | None = None
    #: The position that was to be opened, where there is no event.
    missing: int | None = None
    twins: Twins


@bp.get("/events")
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
    position = asked.whole("position")
    if position is not None:
        return redirect(_address(before=position + 1, after=None))
    opened = asked.whole("open")
    try:
        search = event_search.search_of(asked)
    except InvalidMessage as error:
        return render("events/index.html", 422, follow=False, page=_refused(error))
    found = event_search.find(current.runtime().events, search)
    if search.after is not None and found.next is None:
        return redirect(_address(after=None))  # these are the newest: the page that follows shows them
    follow = search.before is None and search.after is None and search.where.until is None
    page = _list(search, found, opened)
    return render("events/index.html", tag=tag, follow=follow, page=page)


@bp.get("/events/<position:position>")
@needs(Role.VIEWER)
def show(position: int) -> Response:
    event = current.runtime().events.get(position)
    if event is None:
        raise NotFound(what="event at position", name=position)
    return render("events/show.html", tag=navigation.tag(), follow=True, page=detail_of(event))


def _list(search: event_search.EventSearch, found: event_search.EventPage, opened: int | None) -> EventList:
    event = None if opened is None else current.runtime().events.get(opened)
    upwards = search.after is not None
    events = list(reversed(found.items)) if upwards else list(found.items)
    below = events[-1].position if upwards and events else None
    if not upwards and found.searched_to is None and found.next is not None:
        below = events[-1].position
    paged = upwards or search.before is not None
    stopped = "after" if upwards else "before"
    return EventList(
        values=request.args.to_dict(),
        chosen_types=search.where.types,
        errors={},
        types=_types(search.where.types),
        parts=parts_of(search),
        sentence=sentence_of(search),
        facets=facets_for(search, FILTERS),
        lines=event_lines(event_rows(events), beside=_beside()),
        newest=_address(before=None, after=None) if paged else None,
        newer=_address(before=None, after=events[0].position) if paged and events else None,
        older=_address(after=None, before=below) if below else None,
        searched_to=found.searched_to,
        further=_address(**{stopped: found.searched_to}) if found.searched_to is not None else None,
        opened=detail_of(event) if event else None,
        closed=f"{_address()}#event-{opened}" if event else None,
        missing=opened if event is None else None,
        twins=_twins(),
    )


def _refused(error: InvalidMessage) -> EventList:
    chosen = request.args.getlist("type")
    return EventList(
        values=request.args.to_dict(),
        chosen_types=chosen,
        errors=error.errors,
        types=_types(chosen),
        sentence=(Span("Nothing is shown, because the filter cannot be used."),),
        twins=_twins(),
    )


def _types(chosen: Sequence[str]) -> Sequence[str]:
    """Those of today's code, and what the address names besides."""
    return sorted({*current.runtime().types.names(), *chosen})


def _twins() -> Twins:
    here = address_of("api_events.index")
    whole = request.url_root.rstrip("/") + with_query(here, _kept())
    return Twins(
        json=with_query(here, _kept()),
        csv=with_query(here, {**_kept(), "format": "csv"}),
        curl=f'curl -H "Authorization: Bearer $TOKEN" {shlex.quote(whole)}',
    )


def _kept() -> dict[str, list[str]]:
    return {name: [value for value in values if value] for name, values in request.args.lists() if name in PARAMETERS}


def _beside() -> str:
    """This list with an event open beside it, whose position is to be added."""
    address = _address()
    return f"{address}{'&' if '?' in address else '?'}open="


def _address(**changes: str | int | None) -> str:
    """This list with other parameters."""
    return with_query(address_of("events.index"), {**_kept(), **changes})
