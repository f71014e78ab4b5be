"""One page of the log, as the parameters of an address ask for it: for the API and for the pages alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cqrs.console.parameters import LARGEST, Parameters
from cqrs.console.payload_search import PayloadSearch, payload_search_of
from cqrs.store.event_store import EventStore
from cqrs.store.records import EventFilter, RecordedEvent

UP, DOWN = "after-", "before-"
#: Hits read at once, where each has to be looked at.
MOST_HITS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSearch:
    """Ascending from `after` when it is given, else from `before` (None: the head) to older events."""

    where: EventFilter
    payload: PayloadSearch
    limit: int
    after: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class EventPage:
    items: Sequence[RecordedEvent]
    #: The cursor of the page that follows in the same direction; None when there is none.
    next: str | None
    #: The position where the search stopped looking, though this page is not full; None when it did not stop.
    searched_to: int | None = None


def search_of(parameters: Parameters, *, unmasked: bool = False) -> EventSearch:
    """Raises InvalidMessage by parameter."""
    payload = payload_search_of(parameters, unmasked=unmasked)
    where = EventFilter(
        types=parameters.texts("type"),
        stream=parameters.text("stream"),
        category=parameters.text("category"),
        correlation_id=parameters.text("correlation_id"),
        causation_id=parameters.text("causation_id"),
        actor=parameters.text("actor"),
        since=parameters.instant("from"),
        until=parameters.instant("to"),
        text=payload.text,
        spelled=() if payload.field is None else payload.field.spellings(),
    )
    after, before = parameters.whole("after"), parameters.whole("before")
    cursor = parameters.text("cursor")
    if cursor is not None:
        after, before = _continued(parameters, cursor, after, before)
    limit = parameters.limit()
    parameters.check()
    return EventSearch(where=where, payload=payload, limit=limit, after=after, before=before)


def _continued(
    parameters: Parameters, cursor: str, after: int | None, before: int | None
) -> tuple[int | None, int | None]:
    """The cursor replaces the bound it moves and leaves the other one."""
    up, down = cursor.removeprefix(UP), cursor.removeprefix(DOWN)
    number = up if up != cursor else down
    if number == cursor or not (number.isascii() and number.isdigit()) or int(number[:20]) > LARGEST:
        parameters.refuse("cursor", "This is not a cursor: pass on what `next` said.")
        return after, before
    return (int(number), before) if up != cursor else (None, int(number))


def find(store: EventStore, search: EventSearch) -> EventPage:
    return _older(store, search) if search.after is None else _newer(store, search, search.after)


def _newer(store: EventStore, search: EventSearch, after: int) -> EventPage:
    """Up to the safe head only: who reads on from the last position must not pass by an event on its way."""
    end = store.safe_head()
    if search.before is not None:
        end = min(end, search.before - 1)

    def read(bound: int | None, limit: int) -> list[RecordedEvent]:
        return store.read_all(after=bound or 0, until=end, limit=limit, where=search.where)

    def stop() -> int | None:
        return store.edge(search.where, after=after, until=end)

    return _page(search, read, stop, after, UP)


def _older(store: EventStore, search: EventSearch) -> EventPage:
    def read(bound: int | None, limit: int) -> list[RecordedEvent]:
        return store.read_back(before=bound, limit=limit, where=search.where)

    def stop() -> int | None:
        until = None if search.before is None else search.before - 1
        return store.edge(search.where, until=until, backwards=True)

    return _page(search, read, stop, search.before, DOWN)


Read = Callable[[int | None, int], list[RecordedEvent]]


def _page(search: EventSearch, read: Read, stop: Callable[[], int | None], start: int | None, way: str) -> EventPage:
    """Hits that cannot be seen are passed over as if they were not there: what is answered does not depend on them."""
    wanted = search.limit + 1
    hits = read(start, wanted)
    found, asked, edge = list(filter(search.payload.shows, hits)), wanted, None
    if len(found) < wanted:
        edge = stop()
        found = _before_edge(found, edge, way)
    while len(found) < wanted and len(hits) == asked and _before_edge(hits[-1:], edge, way):
        asked = MOST_HITS
        hits = read(hits[-1].position, asked)
        found += _before_edge(list(filter(search.payload.shows, hits)), edge, way)
    if len(found) > search.limit:
        items = found[: search.limit]
        return EventPage(items, f"{way}{items[-1].position}")
    return EventPage(found, None if edge is None else f"{way}{edge}", edge)


def _before_edge(events: Sequence[RecordedEvent], edge: int | None, way: str) -> list[RecordedEvent]:
    """What was appended meanwhile has moved the edge up; events below it belong to the next page."""
    if edge is None:
        return list(events)
    return [event for event in events if (event.position <= edge if way == UP else event.position >= edge)]
