"""Whether a log is still the one that rows were made from."""

from __future__ import annotations

from cqrs.errors import HistoryChanged
from cqrs.readmodels.generation import Generation
from cqrs.store.event_store import EventStore


def check_history(events: EventStore, held: Generation) -> None:
    """Raises HistoryChanged for a log that was put back from an older copy, whatever was appended to it since, and for
    any other log. What is at fault may be found out late, but no event is applied to rows of another history.

    The head is asked for, not the safe head: a process that has just started may have proven less than one before.
    """
    head = events.head()
    if head < held.position:
        raise _changed(held, f"the log ends at {head:,}")
    found = None if held.event_id is None else events.get_by_id(held.event_id)
    if held.event_id is not None and (found is None or found.position > held.position):
        raise _changed(held, f"the log no longer holds the event {held.event_id}")


def _changed(held: Generation, why: str) -> HistoryChanged:
    return HistoryChanged(projection=held.projection, position=f"{held.position:,}", why=why)
