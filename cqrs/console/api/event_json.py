"""An event as the API shows it."""

from __future__ import annotations

from typing import Any

from cqrs.console import current, masking
from cqrs.dispatch import CommandResult, PlannedEvent
from cqrs.store.records import RecordedEvent

COLUMNS = (
    "position", "stream", "version", "type", "schema_version", "data", "metadata", "event_id", "correlation_id",
    "causation_id", "actor", "recorded_at", "summary",
)  # fmt: skip


def event_json(event: RecordedEvent, *, unmasked: bool = False) -> dict[str, Any]:
    """`data` as it was stored, in the schema version it names."""
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "schema_version": event.schema_version,
        "data": masking.data_of(event, unmasked=unmasked),
        "metadata": masking.metadata_of(event, unmasked=unmasked),
        "event_id": event.event_id,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "actor": event.actor,
        "recorded_at": event.recorded_at,
        "summary": current.runtime().summary(event),
    }


def result_json(done: CommandResult) -> dict[str, Any]:
    return {
        "command_id": done.command_id,
        "correlation_id": done.correlation_id,
        "position": done.position,
        "events": [_outcome(event) for event in done.events],
        "result": done.result,
    }


def _outcome(event: RecordedEvent | PlannedEvent) -> dict[str, Any]:
    if isinstance(event, PlannedEvent):
        data = masking.payload(event.data)
        return {"position": None, "stream": event.stream, "version": event.version, "type": event.type, "data": data}
    return {"position": event.position, "stream": event.stream, "version": event.version, "type": event.type}
