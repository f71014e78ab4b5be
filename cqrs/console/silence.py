"""A log that stands still: projections level with it look well, and that nothing comes any more is the news."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cqrs.console.filters import duration, number
from cqrs.console.verdict import Link, Span, Verdict

if TYPE_CHECKING:
    from cqrs.store.reports import Rhythm

#: A pause counts as unusual from so many times the longest one before it, and so many seconds on.
TIMES = 10
LEAST_SECONDS = 600.0
#: Fewer events have no rhythm.
LEAST_EVENTS = 50


def findings(rhythm: Rhythm | None, now: datetime) -> Sequence[Verdict]:
    """One when no event has come for unusually long; none as long as that is not known."""
    if rhythm is None or rhythm.events < LEAST_EVENTS:
        return ()
    silent = (now - rhythm.newest).total_seconds()
    if silent < max(LEAST_SECONDS, TIMES * rhythm.longest_pause_seconds):
        return ()
    fact = (Span("No event has been recorded "), Span(f"for {duration(silent)}", strong=True), Span("."))
    usual = f"The longest pause among the {number(rhythm.events)} before was {duration(rhythm.longest_pause_seconds)}."
    consequence = f"{usual} Whether those who record events are at work is unknown."
    return (Verdict("warn", fact, consequence=consequence, link=Link("See the last ones", "events.index")),)
