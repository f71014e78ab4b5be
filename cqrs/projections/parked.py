"""Keys that were set aside, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cqrs.readmodels.store import ParkedKey

__all__ = ["ParkedKey", "ParkedPage"]


@dataclass(frozen=True, slots=True)
class ParkedPage:
    items: Sequence[ParkedKey]
    next: str | None
