"""Parked keys are let go: their events are applied in order, once, and from then on like those of any other key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cqrs.readmodels.store import ParkedKey


@dataclass(frozen=True, slots=True)
class Released:
    """What trying again came to."""

    #: The texts of the keys that are parked no longer.
    keys: Sequence[str]
    #: Those that failed again, with the error of now.
    failed: Sequence[ParkedKey]
