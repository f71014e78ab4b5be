"""Events as pages show them: a sentence, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from cqrs.console import current
from cqrs.console.filters import short_id
from cqrs.store.records import RecordedEvent


class EventRow(NamedTuple):
    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    sentence: str
    actor: str
    recorded_at: datetime
    event_id: str
    correlation_id: str
    causation_id: str | None


def event_row(recorded: RecordedEvent) -> EventRow:
    """The sentence is the declared summary, else the type and its stream; never raw JSON."""
    sentence = current.runtime().summary(recorded) or f"{recorded.type} on {short_id(recorded.stream)}"
    return EventRow(
        position=recorded.position,
        stream=recorded.stream,
        version=recorded.version,
        type=recorded.type,
        schema_version=recorded.schema_version,
        sentence=sentence,
        actor=recorded.actor,
        recorded_at=recorded.recorded_at,
        event_id=recorded.event_id,
        correlation_id=recorded.correlation_id,
        causation_id=recorded.causation_id,
    )


def event_rows(recorded: Iterable[RecordedEvent]) -> list[EventRow]:
    return [event_row(event) for event in recorded]
