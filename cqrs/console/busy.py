"""When more is recorded than usual: since when, by what measure, and who records most of it. Counted, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from flask import url_for

from cqrs.console import current
from cqrs.console.filters import instant, number
from cqrs.console.links import with_query
from cqrs.store.records import EventFilter

MINUTE = timedelta(minutes=1)
#: A minute is busy with more than so many times the median minute of the hour, and so many events; and it takes so
#: many in a row up to now.
TIMES = 2
LEAST_EVENTS = 30
LEAST_MINUTES = 3


@dataclass(frozen=True, slots=True)
class Busy:
    since: datetime
    #: What it is held against.
    measure: str
    #: Who recorded most of it, how much, of how many; and the list of their events.
    actor: str
    share: str
    of: str
    href: str


def busy(counts: Sequence[int], now: datetime) -> Busy | None:
    """`counts` are the events of each minute of the last hour, oldest first. None while it is as usual."""
    usual = median(counts)
    most_usual = max(TIMES * usual, LEAST_EVENTS)
    run = _run(counts, most_usual)
    if run < LEAST_MINUTES:
        return None
    since = now - run * MINUTE
    found = current.runtime().reports.facets(EventFilter(since=since))
    if not found.actors:
        return None
    actor, most = min(found.actors.items(), key=lambda item: (-item[1], item[0]))
    total = sum(found.actors.values())
    return Busy(
        since=since,
        measure=f"more than {number(int(most_usual))} events each minute, the median of the last hour is {usual:,.0f}",
        actor=actor,
        share=f"{100 * most // total} %",
        of=f"the {number(total)} events since" if found.complete else f"the newest {number(total)} events",
        href=with_query(url_for("events.index"), {"actor": actor, "from": instant(since)}),
    )


def _run(counts: Sequence[int], usual: float) -> int:
    run = 0
    for count in reversed(counts):
        if count <= usual:
            break
        run += 1
    return run
