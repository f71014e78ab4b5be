"""A generation as it is written down: what it has reached, who works on it, what keeps it from moving."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

#: The suspect where a process died with nobody knows which event in hand, if with any.
ANY_EVENT = 0

#: Before the operation's id, for a generation that is made to be looked at by a check, and never for readers.
SCRATCH = "check "


class GenerationState(enum.StrEnum):
    #: Readers see it.
    LIVE = "live"
    #: Being filled; nobody reads it.
    BUILDING = "building"
    #: Was live, kept for a while to go back to.
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a projection stopped. `key` is None where not even the key could be read."""

    position: int
    event_type: str
    key: str | None
    error: str
    traceback: str | None
    at: datetime


class GenerationId(NamedTuple):
    """What tells a generation of a projection from all others, also from those of a database that was lost."""

    number: int
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One physical copy of a read model: what it has reached, who works on it, what keeps it from moving."""

    projection: str
    number: int
    state: GenerationState
    #: Grows whenever the generation changes hands: who holds an older one is fenced off.
    token: int
    position: int
    event_id: str | None
    owner: str | None
    lease_until: datetime | None
    heartbeat_at: datetime | None
    advanced_at: datetime | None
    shape: str
    logic: str
    created_at: datetime
    failure: Failure | None
    paused_at: datetime | None
    paused_by: str | None
    paused_reason: str | None
    #: The operation that is making it ready for readers, or did so last.
    operation: str | None = None
    #: What that came to, as JSON; written when readers were given this generation.
    outcome: str | None = None
    #: Since when readers no longer see it.
    kept_at: datetime | None = None
    #: Rolled back to although other code made it: it waits, paused, for that code or for a replay.
    stands: bool = False
    #: Where a process died at work: the event it had in hand, or ANY_EVENT; None when nothing is suspect any more.
    suspect: int | None = None
    #: Processes that died one after the other with the suspect in hand.
    deaths: int = 0
    #: What is in hand now; only written down while something is suspect.
    in_hand: int | None = None
    #: Of the database it was made in.
    origin: str = ""

    @property
    def id(self) -> GenerationId:
        return GenerationId(self.number, self.origin)

    @property
    def is_scratch(self) -> bool:
        return self.operation is not None and self.operation.startswith(SCRATCH)

    @property
    def made_for(self) -> str | None:
        """The id of the operation that makes it ready, or did so last; for readers or not."""
        return None if self.operation is None else self.operation.removeprefix(SCRATCH)

    @property
    def halted(self) -> bool:
        """Whether it may not move until somebody resumes it."""
        return self.paused_at is not None or self.failure is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """A generation that goes live although other code made it: it is paused, and says by whom and why."""

    by: str
    reason: str
