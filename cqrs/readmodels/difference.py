"""How the rows of two generations differ."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class DifferenceKind(enum.StrEnum):
    """What is wrong with the rows of the generation that readers see, going by the one that was made anew."""

    #: Readers see other values.
    CHANGED = "changed"
    #: Readers do not see a row that should be there.
    MISSING = "missing"
    #: Readers see a row that should not be there.
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class Difference:
    #: As the database has it, one value per key column: somebody else may have written what is no key of ours.
    key: tuple[Any, ...]
    kind: DifferenceKind
    #: The last event applied to the row that readers see; None where there is no row, or somebody else wrote it.
    live_pos: int | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Some rows of two generations at one moment, and the checkpoints of that moment."""

    live_position: int
    position: int
    #: Rows that readers see, the different ones included.
    rows: int
    differences: Sequence[Difference]
    #: Where the next chunk begins: behind this key. None when there are no more.
    end: tuple[Any, ...] | None = None
