"""One page of the log, as the parameters of an address ask for it: for the API and for the pages alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cqrs.console.parameters import LARGEST, Parameters
from cqrs.store.event_store import CLOCK_SLACK_SECONDS, TEXT_WINDOW, EventStore
from cqrs.store.records import EventFilter, RecordedEvent

UP, DOWN = "after-", "before-"
SLACK = timedelta(seconds=CLOCK_SLACK_SECONDS)


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
    end = store.safe_head()
    if search.before is not None:
        end = min(end, search.before - 1)
    until = end if search.where.text is None else min(end, after + TEXT_WINDOW)
    found = store.read_all(after=after, until=until, limit=search.limit + 1, where=search.where)
    items = found[: search.limit]
    if len(found) > search.limit:
        return EventPage(items, f"{UP}{items[-1].position}")
    # Nothing more in the window that a text filter looks at; newer events may still match.
    return EventPage(items, f"{UP}{until}" if until < end else None)


def _older(store: EventStore, search: EventSearch) -> EventPage:
    before = _ceiling(store, search)
    found = store.read_back(before=before, limit=search.limit + 1, where=search.where)
    items = found[: search.limit]
    searched = None if search.where.text is None else store.searched_from(before)
    if len(found) > search.limit:
        return EventPage(items, f"{DOWN}{items[-1].position}", searched)
    more = searched is not None and searched - 1 > _floor(store, search.where)
    return EventPage(items, f"{DOWN}{searched}" if more else None, searched)


def _ceiling(store: EventStore, search: EventSearch) -> int | None:
    """The window of a text filter begins where the times asked for end, so the cursor has to follow from there."""
    if search.where.until is None:
        return search.before
    last = store.position_at(search.where.until + SLACK)
    return last + 1 if search.before is None else min(search.before, last + 1)


def _floor(store: EventStore, where: EventFilter) -> int:
    return 0 if where.since is None else store.position_at(where.since - SLACK)
