"""One event with all that is known about it: its payload through the upcasters, who applied it, cause and effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cqrs.console import current, masking, navigation
from cqrs.console.event_applications import Application, applications, applied_sentence
from cqrs.console.event_rows import EventRow, event_row, event_rows
from cqrs.console.payloads import Payload, payload_of
from cqrs.projections.touched_rows import TouchedRow
from cqrs.store.records import EventFilter, RecordedEvent

#: Neighbours in the stream on each side, effects shown, and causes of causes.
AROUND = 3
MOST_EFFECTS = 20
MOST_CAUSES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Causes:
    """`events` from the first to the direct one. What they came from has no event: `origin` says what it is."""

    origin: str
    #: What the id of a command stands for in lists; None when the chain begins in the middle, or without a cause.
    command_id: str | None
    events: Sequence[EventRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDetail:
    event: EventRow
    payload: Payload
    payload_json: str
    extra: Mapping[str, Any]
    metadata_json: str
    applications: Sequence[Application]
    applied: str
    causes: Causes
    effects: Sequence[EventRow]
    more_effects: bool
    #: Of the same stream, newest first, this one among them.
    neighbours: Sequence[EventRow]
    previous: int | None
    next: int | None
    #: Rows of read models that it concerns.
    rows: Sequence[TouchedRow]


def detail_of(event: RecordedEvent) -> EventDetail:
    payload, done = payload_of(event), applications(event, navigation.states())
    extra = masking.metadata_of(event)
    effects = _effects(event)
    return EventDetail(
        event=event_row(event),
        payload=payload,
        payload_json=_pretty(payload.value),
        extra=extra if isinstance(extra, Mapping) else {"metadata": extra},
        metadata_json=_pretty(_metadata(event, extra)),
        applications=done,
        applied=applied_sentence(done),
        causes=_causes(event),
        effects=event_rows(effects[:MOST_EFFECTS]),
        more_effects=len(effects) > MOST_EFFECTS,
        neighbours=_neighbours(event),
        previous=_position_before(event),
        next=_position_after(event),
        rows=current.runtime().touched_rows.of(event),
    )


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()


def _metadata(event: RecordedEvent, extra: object) -> dict[str, Any]:
    names = ("event_id", "correlation_id", "causation_id", "actor", "recorded_at", "stream", "version", "position")
    return {**{name: getattr(event, name) for name in names}, "metadata": extra}


def _causes(event: RecordedEvent) -> Causes:
    """An event's cause is an event, or else the command that recorded it. A cause is older, so this cannot go round."""
    above: list[RecordedEvent] = []
    first = event
    while first.causation_id is not None and len(above) < MOST_CAUSES:
        found = current.runtime().events.get_by_id(first.causation_id)
        if found is None or found.position >= first.position:
            return _rooted(f"A command of {first.actor}", above, first.causation_id)
        above.append(found)
        first = found
    if first.causation_id is None:
        return _rooted("Recorded without a cause", above)
    return _rooted("Older causes are not shown here", above)


def _rooted(origin: str, above: Sequence[RecordedEvent], command_id: str | None = None) -> Causes:
    return Causes(origin=origin, command_id=command_id, events=event_rows(reversed(above)))


def _effects(event: RecordedEvent) -> list[RecordedEvent]:
    caused = EventFilter(causation_id=event.event_id)
    return current.runtime().events.read_all(after=event.position, limit=MOST_EFFECTS + 1, where=caused)


def _neighbours(event: RecordedEvent) -> list[EventRow]:
    first, last = max(0, event.version - AROUND - 1), event.version + AROUND
    return event_rows(current.runtime().events.read_stream(event.stream, after=first, until=last, backwards=True))


def _position_before(event: RecordedEvent) -> int | None:
    found = current.runtime().events.read_back(before=event.position, limit=1)
    return found[0].position if found else None


def _position_after(event: RecordedEvent) -> int | None:
    found = current.runtime().events.read_all(after=event.position, limit=1)
    return found[0].position if found else None
