"""Keys that are parked and events that are passed over: who decided it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

#: Events passed over for some keys: the texts of those by position.
Skips = Mapping[int, Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedKey:
    """A key set aside with all events from `position` on, because that one failed."""

    key: str
    position: int
    event_type: str
    error: str
    traceback: str | None
    attempts: int
    #: How many events wait for it. A store fills in this and the next one.
    held: int = 0
    parked_at: datetime | None = None
    #: Who set it aside and why; None where the projection did so by itself.
    parked_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """Who decided to set aside the key that failed at an event, and why; and how often it was tried."""

    position: int
    by: str
    reason: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Skip:
    """Who decided to pass over an event, and why."""

    position: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that is passed over for one key, in every generation."""

    position: int
    key: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the events of a parked key came to at a checkpoint."""

    #: The packed row; none where it is to be deleted, or is to be left as it is.
    upsert: Sequence[Any] = ()
    delete: bool = False
    #: The key fails again, at this event; None when all is applied.
    parked: ParkedKey | None = None


#: From the checkpoint to what a parked key came to at it.
Derive = Callable[[int], Settled]
