"""What each projection did with one event: applied it, waits before it, failed at it, parked or skipped it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cqrs.console import current
from cqrs.console.filters import number
from cqrs.projections.parked import SetAside
from cqrs.projections.status import ProjectionStatus
from cqrs.store.records import RecordedEvent


@dataclass(frozen=True, slots=True)
class Application:
    """`state` picks the glyph."""

    name: str
    state: str
    words: str


SET_ASIDE = {
    SetAside.PARKED: ("warn", "parked: could not be applied"),
    SetAside.WAITING: ("warn", "waits behind an event that is parked"),
    SetAside.SKIPPED: ("paused", "skipped by an operator"),
}


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
        aside = current.runtime().projections.set_aside(status.name, event.position)
        return Application(status.name, *(("ok", "applied") if aside is None else SET_ASIDE[aside]))
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
