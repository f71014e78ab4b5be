"""Which versions of a stream get a tick on its scrubber, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: With more versions than this, ticks thin out to round numbers; the first, the last and the one shown stay.
MOST_TICKS = 20
#: Ticks nearer than this many percent would print their numbers over each other.
NEAREST = 3.5


@dataclass(frozen=True, slots=True)
class Tick:
    version: int
    #: Percent of the width.
    x: float


def ticks(latest: int, at: int) -> Sequence[Tick]:
    """In the order of versions. Of two that would touch, the one that says less gives way."""
    kept: list[Tick] = []
    for version in (at, 1, latest, *_round_ones(latest)):
        tick = Tick(version, _place(version, latest))
        if all(abs(tick.x - other.x) >= NEAREST for other in kept):
            kept.append(tick)
    return sorted(kept, key=lambda tick: tick.version)


def _round_ones(latest: int) -> Sequence[int]:
    if latest <= MOST_TICKS:
        return range(1, latest + 1)
    scale = 1
    while True:
        for step in (scale, 2 * scale, 5 * scale):
            if latest // step <= MOST_TICKS:
                return range(step, latest, step)
        scale *= 10


def _place(version: int, latest: int) -> float:
    return round(100 * (version - 1) / max(1, latest - 1), 2)
