"""One page of the log, as the parameters of an address ask for it: for the API and for the pages alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cqrs.console.parameters import LARGEST, Parameters
from cqrs.store.event_store import EventStore
from cqrs.store.records import EventFilter, RecordedEvent

UP, DOWN = "after-", "before-"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSearch:
    """Ascending from `after` when it is given, else from `before` (None: the head) to older events."""

    where: EventFilter
    limit: int
    after: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class EventPage:
    items: Sequence[RecordedEvent]
    #: The cursor of the page that follows in the same direction; None when there is none.
    next: str | None
    #: With a text filter: the lowest position looked at for this page.
    searched_from: int | None = None


def search_of(parameters: Parameters) -> EventSearch:
    """Raises InvalidMessage by parameter."""
    where = EventFilter(
        types=parameters.texts("type"),
        stream=parameters.text("stream"),
        category=parameters.text("category"),
        correlation_id=parameters.text("correlation_id"),
        causation_id=parameters.text("causation_id"),
        actor=parameters.text("actor"),
        since=parameters.instant("from"),
        until=parameters.instant("to"),
        text=parameters.text("text"),
    )
    after, before = parameters.whole("after"), parameters.whole("before")
    cursor = parameters.text("cursor")
    if cursor is not None:
        after, before = _continued(parameters, cursor, after, before)
    limit = parameters.limit()
    parameters.check()
    return EventSearch(where=where, limit=limit, after=after, before=before)


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
    until = store.safe_head()
    if search.before is not None:
        until = min(until, search.before - 1)
    found = store.read_all(after=after, until=until, limit=search.limit + 1, where=search.where)
    items = found[: search.limit]
    return EventPage(items, f"{UP}{items[-1].position}" if len(found) > search.limit else None)


def _older(store: EventStore, search: EventSearch) -> EventPage:
    found = store.read_back(before=search.before, limit=search.limit + 1, where=search.where)
    items = found[: search.limit]
    searched = None if search.where.text is None else store.searched_from(search.before)
    if len(found) > search.limit:
        return EventPage(items, f"{DOWN}{items[-1].position}", searched)
    # Nothing more in the window that a text filter looks at; older events may still match.
    return EventPage(items, f"{DOWN}{searched}" if searched is not None and searched > 1 else None, searched)
