"""An operation: a long piece of work that someone asked for, as its row tells it."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class OperationState(enum.StrEnum):
    REQUESTED = "requested"
    RUNNING = "running"
    #: Held until someone reviews what it found; no worker is occupied.
    WAITING = "waiting"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        return self in FINISHED


FINISHED = (OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED)
ACTIVE = tuple(state for state in OperationState if state not in FINISHED)

#: Kinds that change a read model: one of them at a time for each projection. A check is in nobody's way.
EXCLUSIVE = ("replay", "rollback", "repair")

SENTENCES = {
    "replay": "A replay of {projection}",
    "rollback": "A roll back of {projection}",
    "repair": "A repair of {projection}",
    "check": "A check of {projection}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One step of an operation, with its own times."""

    name: str
    started_at: datetime
    finished_at: datetime | None = None
    done: int = 0
    #: None: how much there is to do is not known.
    total: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    n: int
    at: datetime
    level: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    id: str
    kind: str
    projection: str
    state: OperationState
    parameters: Mapping[str, Any]
    actor: str
    reason: str | None
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    phases: Sequence[Phase]
    #: Units of the current phase; None where the handler has not said.
    done: int | None
    total: int | None
    #: Units per second over the last seconds; None when it is not known.
    rate: float | None
    errors: Sequence[str]
    #: All errors, also those beyond the stored ones.
    error_count: int
    result: Mapping[str, Any] | None
    owner: str | None
    attempts: int
    #: Seconds since the worker last said something, by the database's clock; None when no worker has it.
    silent_seconds: float | None
    cancelled_by: str | None
    approved_by: str | None

    @property
    def in_the_way(self) -> bool:
        """Whether it keeps others that would change its projection waiting."""
        return self.kind in EXCLUSIVE and not self.state.finished

    @property
    def phase(self) -> str | None:
        return self.phases[-1].name if self.phases else None

    @property
    def eta_seconds(self) -> float | None:
        """None when it cannot be told: nobody knows how much is left, or how fast it goes."""
        if self.state is not OperationState.RUNNING or not self.rate or self.total is None or self.done is None:
            return None
        return max(0.0, (self.total - self.done) / self.rate)

    @property
    def title(self) -> str:
        """Such as "A replay of orders"; the start of a sentence."""
        return SENTENCES.get(self.kind, "An operation on {projection}").format(projection=self.projection)
