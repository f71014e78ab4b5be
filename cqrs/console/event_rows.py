"""Events as pages show them: a sentence, where it stands, and which projections have applied it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cqrs.console import current
from cqrs.console.filters import number, short_id
from cqrs.projections.status import ProjectionStatus
from cqrs.store.records import RecordedEvent


@dataclass(frozen=True, slots=True)
class EventRow:
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


@dataclass(frozen=True, slots=True)
class Application:
    """What one projection did with one event. `state` picks the glyph."""

    name: str
    state: str
    words: str


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


def applications(event: RecordedEvent, statuses: Sequence[ProjectionStatus]) -> list[Application]:
    """Of the projections that handle the event's type, by name."""
    handling = sorted((status for status in statuses if event.type in status.handles), key=lambda status: status.name)
    return [_application(event, status) for status in handling]


def applied_sentence(found: Sequence[Application]) -> str:
    if not found:
        return "Applied by no projection"
    done = sum(application.state == "ok" for application in found)
    return f"Applied by {done} of {len(found)} projection{'' if len(found) == 1 else 's'}"


def _application(event: RecordedEvent, status: ProjectionStatus) -> Application:
    if status.checkpoint is None:
        return Application(status.name, "unknown", "unknown")
    if event.position <= status.checkpoint:
        return _behind_checkpoint(event, status)
    before = number(event.position - status.checkpoint - 1)
    if status.failure is not None and status.failure.position == event.position:
        return Application(status.name, "failed", "failed at this event")
    if status.failure is not None:
        return Application(status.name, "failed", f"stopped {before} positions before it")
    if status.state in ("paused", "stalled"):
        return Application(status.name, str(status.state), f"{status.state} {before} positions before it")
    if status.state == "unknown":
        return Application(status.name, "unknown", f"no worker reports, {before} positions before it")
    return Application(status.name, "catching_up", "next in line" if before == "0" else f"{before} positions before it")


def _behind_checkpoint(event: RecordedEvent, status: ProjectionStatus) -> Application:
    if status.parked and event.position in _parked_positions(status.name):
        return Application(status.name, "warn", "parked: could not be applied")
    return Application(status.name, "ok", "applied")


def _parked_positions(name: str) -> set[int]:
    page = current.runtime().projections.parked(name, limit=200)
    return {parked.position for parked in page.items}
