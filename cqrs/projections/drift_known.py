"""What is known of the drift of a projection, as its status tells it; others do the checking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cqrs.readmodels.generation import GenerationId


@dataclass(frozen=True, slots=True, kw_only=True)
class LastCheck:
    """The newest check that is finished; the look a repair takes at its own rows is none."""

    id: str
    level: str
    reference: str
    verdict: str
    reason: str | None
    #: Rows were compared as of this position, or a later one; None when none was.
    position: int | None
    checked: int
    differing: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftKnown:
    last_check: LastCheck | None = None
    #: Rows of the live generation that a check found to differ and nobody put right; `capped`: at least so many.
    standing: int = 0
    capped: bool = False
    #: The newest check that found one of them.
    found_by: str | None = None


NOTHING_KNOWN = DriftKnown()

#: Given the live generation of each projection, what is known by name.
DriftOf = Callable[[Mapping[str, GenerationId]], Mapping[str, DriftKnown]]
