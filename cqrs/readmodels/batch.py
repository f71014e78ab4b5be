"""What one fold reads and writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cqrs.readmodels.rows import Key, Row
from cqrs.readmodels.set_aside import ParkedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one fold came to. `upserts` are packed rows, whole and with their own `_pos`."""

    position: int
    event_id: str | None
    upserts: Sequence[Any] = ()
    deletes: Sequence[Key] = ()
    parked: Sequence[ParkedKey] = ()
    #: Key texts and positions of events that wait for a parked key.
    held: Sequence[tuple[str, int]] = ()
    #: As of Generation: ANY_EVENT while what comes next is suspect.
    suspect: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows by key; a key in neither has no row."""

    rows: Mapping[Key, Row]
    unreadable: Mapping[Key, Exception] = field(default_factory=dict)
