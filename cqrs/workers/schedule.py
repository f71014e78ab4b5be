"""A schedule, and its runs, as their rows tell of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cqrs.workers.due_times import Timing
from cqrs.workers.timing_faults import faults_of

CHECK = "check"


class RunState(enum.StrEnum):
    #: Asked for; nobody has begun.
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: Passed over, and why is its outcome.
    SKIPPED = "skipped"
    #: It became an operation whose row is gone.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`kind` is "check", then of a projection, or the name of a job. `parameters` are those of the operation."""

    id: str
    name: str
    kind: str
    timing: Timing
    projection: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fixed: bool = False
    paused_at: datetime | None = None
    paused_by: str | None = None
    #: None: it is as the program made it.
    changed_at: datetime | None = None
    changed_by: str | None = None
    #: Due times up to this moment are owed by nobody.
    counts_from: datetime | None = None
    #: Columns of its row in which there should be a time, and is none: somebody wrote there by hand.
    unreadable: Sequence[str] = ()

    @property
    def level(self) -> str | None:
        return self.parameters.get("level") if self.kind == CHECK else None

    @property
    def reference(self) -> str | None:
        return self.parameters.get("reference", "log") if self.kind == CHECK else None

    @property
    def broken(self) -> str | None:
        """Why nobody can tell when it is due, as the end of a sentence; None when it can be told."""
        times = [f"{column} holds no time with a zone" for column in self.unreadable]
        return "; ".join([*faults_of(self.timing).values(), *times]) or None

    def owed(self, now: datetime) -> datetime | None:
        """The due time that is to be run now, if it was not: the latest, once its jitter is over. What a gap holds
        besides is not made up for."""
        due_at = self.timing.latest_due(now)
        if due_at is None or (self.counts_from is not None and due_at <= self.counts_from):
            return None
        return due_at if self.timing.begins_at(self.id, due_at) <= now else None

    def looked_at(self, after: datetime) -> datetime | None:
        """The first moment after that one at which something may have to be run."""
        latest = self.timing.latest_due(after)
        following = self.timing.next_due(after)
        begins = [self.timing.begins_at(self.id, due_at) for due_at in (latest, following) if due_at is not None]
        return min((moment for moment in begins if moment > after), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRun:
    """Of a check, state, verdict and numbers are those of its operation and its check, as they are now."""

    id: str
    schedule: str
    #: None when somebody asked for it, then `asked_by` is who.
    due_at: datetime | None
    asked_by: str | None
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    state: RunState
    operation: str | None
    check: str | None
    verdict: str | None
    checked: int | None
    differing: int | None
    #: What a job did, or why it was passed over.
    outcome: str | None
    error: str | None

    @property
    def took(self) -> timedelta | None:
        """None while it is not over, or was never begun."""
        if self.started_at is None or self.finished_at is None or self.state is RunState.SKIPPED:
            return None
        return self.finished_at - self.started_at


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleStatus:
    """How a schedule is. `due` are its next due times, none while it is paused or cannot run."""

    schedule: Schedule
    due: Sequence[datetime]
    #: Why this program cannot run it; None when it can.
    why_not: str | None
    #: A due time that is past and that nobody ran.
    missed: datetime | None
    #: The newest first.
    runs: Sequence[ScheduleRun]

    @property
    def last(self) -> ScheduleRun | None:
        return self.runs[0] if self.runs else None

    @property
    def on(self) -> bool:
        return self.schedule.paused_at is None and self.why_not is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcoming:
    """What is due next of one schedule, and when it then begins."""

    schedule: Schedule
    due_at: datetime
    begins_at: datetime
