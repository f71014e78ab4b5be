"""A filter of events in two parts: what one index finds in the order of the log, and what is left to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cqrs.store.records import EventFilter

#: Conditions that have an index, the one that usually finds fewest events first.
SEEKABLE = ("stream", "causation_id", "correlation_id", "types", "category", "actor")


def sought(where: EventFilter) -> EventFilter:
    """The part whose events lie side by side in an index. Times count: they are bounds on positions.

    Several types are several places in an index. They are sought only when nothing else is asked.
    """
    times = EventFilter(since=where.since, until=where.until)
    for name in SEEKABLE:
        if getattr(where, name) and not (name == "types" and len(where.types) > 1):
            return replace(times, **{name: getattr(where, name)})
    only_types = replace(times, types=where.types)
    return only_types if only_types == where else times


def checked(where: EventFilter) -> EventFilter:
    """The rest. Unless that is EVERYTHING, a search meets events that do not fit, and so looks at a window only."""
    found = sought(where)
    without: dict[str, Any] = {name: () if name == "types" else None for name in SEEKABLE if getattr(found, name)}
    return replace(where, since=None, until=None, **without)
