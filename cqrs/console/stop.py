"""Where a projection stopped: the event, what it holds, the part of it that the error seems to be about."""

from __future__ import annotations

from dataclasses import dataclass

from cqrs.console import current
from cqrs.console.blame import blamed
from cqrs.console.event_rows import EventRow, event_row
from cqrs.console.payloads import payload_of
from cqrs.errors import HandlerBroken
from cqrs.projections.status import ProjectionStatus
from cqrs.readmodels.generation import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    failure: Failure
    #: None when the event cannot be read.
    event: EventRow | None
    payload: object
    #: As a dotted path.
    blamed: str | None
    #: Events behind it; None when unknown.
    waiting: int | None
    #: So many keys failed that it is the handler's fault.
    broken: bool


def stop_of(status: ProjectionStatus) -> Stop | None:
    failure = status.failure
    if failure is None:
        return None
    event = current.runtime().events.get(failure.position)
    payload = payload_of(event).value if event else None
    return Stop(
        failure=failure,
        event=event_row(event) if event else None,
        payload=payload,
        blamed=blamed(failure.error, payload),
        waiting=None if status.lag_events is None else max(0, status.lag_events - 1),
        broken=failure.error.startswith(HandlerBroken.__name__),
    )
