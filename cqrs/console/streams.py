"""Streams by name, and one stream at a version: its events, the state they make, and what the version changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, masking, navigation
from cqrs.console.access import needs
from cqrs.console.changes import Change, compare
from cqrs.console.event_rows import EventRow, event_row, event_rows
from cqrs.console.links import tidied, with_query
from cqrs.console.parameters import Parameters
from cqrs.console.payloads import payload_of
from cqrs.console.rendering import render
from cqrs.console.version_ticks import Tick, ticks
from cqrs.errors import NotFound
from cqrs.messages import Role
from cqrs.projections.touched_rows import TouchedRow
from cqrs.store.records import RecordedEvent, category_of

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from cqrs.store.reports import Count, StreamSummary

bp = Blueprint("streams", __name__)

#: Events in the list of one stream.
SHOWN = 30
ROWS_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamList:
    streams: Sequence[StreamSummary]
    categories: Sequence[str]
    category: str | None
    prefix: str | None
    count: Count
    first: str | None
    more: str | None
    #: The same list for programs.
    json: str
    csv: str

    @property
    def filtered(self) -> bool:
        return bool(self.category or self.prefix)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPage:
    stream: str
    category: str
    latest: int
    at: int
    #: The events at version 1, at the latest one, and at the one shown.
    first: EventRow
    last: EventRow
    event: EventRow
    payload: object
    #: Around the version shown, newest first.
    events: Sequence[EventRow]
    newer: str | None
    older: str | None
    ticks: Sequence[Tick]
    #: None when no aggregate is declared for the category; then `no_state` says so.
    state: Sequence[Change] | None
    no_state: str = ""
    #: The same for programs.
    json: str
    #: Rows of read models that the events shown concern.
    rows: Sequence[TouchedRow] = ()

    @property
    def past(self) -> bool:
        return self.at < self.latest


@bp.get("/streams")
@needs(Role.VIEWER)
def index() -> AnyResponse:
    tidy = tidied()
    if tidy is not None:
        return tidy
    asked = Parameters(request.args)
    category, prefix, cursor = asked.text("category"), asked.text("prefix"), asked.text("cursor")
    asked.check()
    reports = current.runtime().reports
    found = reports.streams(category=category, prefix=prefix, cursor=cursor)
    kept, here = {"category": category, "prefix": prefix}, url_for("streams.index")
    twin = {**kept, "cursor": cursor}
    page = StreamList(
        streams=found.items,
        categories=reports.categories(),
        category=category,
        prefix=prefix,
        count=reports.stream_count(),
        first=with_query(here, kept) if cursor else None,
        more=with_query(here, {**kept, "cursor": found.next}) if found.next else None,
        json=with_query(url_for("api_streams.index"), twin),
        csv=with_query(url_for("api_streams.index"), {**twin, "format": "csv"}),
    )
    return render("streams/index.html", tag=navigation.tag(), follow=cursor is None, page=page)


@bp.get("/streams/<key:stream>")
@needs(Role.VIEWER)
def show(stream: str) -> Response:
    latest = current.runtime().events.stream_version(stream)
    if latest == 0:
        raise NotFound(what="stream", name=stream)
    asked = Parameters(request.args)
    at = asked.whole("at", lowest=1, highest=latest) or latest
    top = asked.whole("top", lowest=1, highest=latest) or min(latest, at + SHOWN // 2)
    asked.check()
    page = _page(stream, latest=latest, at=at, top=max(top, min(SHOWN, latest)))
    return render("streams/show.html", tag=navigation.tag(), follow="at" not in request.args, page=page)


def _page(stream: str, *, latest: int, at: int, top: int) -> StreamPage:
    listed = _between(stream, top - SHOWN, top)
    event, lowest = _at(stream, at), listed[-1].version
    state = _state(stream, at)
    return StreamPage(
        stream=stream,
        category=category_of(stream),
        latest=latest,
        at=at,
        first=event_row(_at(stream, 1)),
        last=event_row(_at(stream, latest)),
        event=event_row(event),
        payload=payload_of(event).value,
        events=event_rows(listed),
        newer=_address(stream, at, min(latest, top + SHOWN)) if top < latest else None,
        older=_address(stream, at, lowest - 1) if lowest > 1 else None,
        ticks=ticks(latest, at),
        state=None if state is None else compare(_state(stream, at - 1) if at > 1 else {}, state),
        no_state=_no_state(stream),
        json=url_for("api_streams.show", stream=stream, at=at if at < latest else None),
        rows=current.runtime().touched_rows.of(*listed)[:ROWS_SHOWN],
    )


def _state(stream: str, at: int) -> Mapping[str, object] | None:
    found = current.runtime().stream_state(stream, at)
    shown = masking.masked(found)
    return shown if isinstance(shown, Mapping) else None


def _no_state(stream: str) -> str:
    category = category_of(stream)
    if category not in current.runtime().catalogue.aggregates:
        return f"No aggregate is declared for category {category}, so its events are all there is to see."
    return "One of its events cannot be read by today's code, or there are too many to replay them for a page."


def _at(stream: str, version: int) -> RecordedEvent:
    """Raises NotFound when somebody deleted it by hand."""
    found = _between(stream, version - 1, version)
    if not found:
        raise NotFound(what=f"version {version} of stream", name=stream)
    return found[0]


def _between(stream: str, after: int, until: int) -> list[RecordedEvent]:
    return current.runtime().events.read_stream(stream, after=max(0, after), until=until, backwards=True)


def _address(stream: str, at: int, top: int) -> str:
    return url_for("streams.show", stream=stream, at=at, top=top)
