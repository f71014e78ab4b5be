"""Events as the lines of a table, worked out before the template: it only prints them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cqrs.console.event_rows import EventRow
from cqrs.console.filters import instant, number, short_id
from cqrs.console.link_prefix import prefix_of
from cqrs.console.wall_clock import wall_clock


class EventLine(NamedTuple):
    position: int
    href: str
    numbered: str
    instant: str
    exact: str
    clock: str
    type: str
    schema_version: int
    #: The state of its stream at this event.
    state: str
    stream: str
    short: str
    version: int
    sentence: str


def event_lines(events: Iterable[EventRow], *, beside: str | None = None) -> list[EventLine]:
    """Each leads to its event's page; or `beside` the list: the address to which a position is added."""
    to_event, to_stream, wall = prefix_of("events.show", "position"), prefix_of("streams.show", "stream"), wall_clock()
    lines = []
    for event in events:
        clock, exact = wall.brief_and_exact(event.recorded_at)
        line = EventLine(
            event.position,
            to_event.to_position(event.position)
            if beside is None
            else f"{beside}{event.position}#event-{event.position}",
            number(event.position),
            instant(event.recorded_at),
            exact,
            clock,
            event.type,
            event.schema_version,
            f"{to_stream.to_key(event.stream)}?at={event.version}",
            event.stream,
            short_id(event.stream),
            event.version,
            event.sentence,
        )
        lines.append(line)
    return lines
