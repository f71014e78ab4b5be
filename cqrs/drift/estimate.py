"""What a sample of rows tells of all rows: how many differ, and between which bounds that number lies.

The bounds are those of the hypergeometric distribution (drawing without putting back), exact for any size: each side
is wrong in no more than 2.5 % of all samples. No sample proves that nothing differs, unless it is of all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, lgamma

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of `rows` rows, `sampled` were looked at, and `differing` of those differ."""

    rows: int
    sampled: int
    differing: int
    #: Rows that differ in all, if the sample is like the rest; and the bounds of the 95 % interval.
    expected: int
    low: int
    high: int
    confidence: float = CONFIDENCE


def estimate(rows: int, sampled: int, differing: int) -> Estimate:
    rows = max(rows, sampled)
    expected = round(rows * differing / sampled) if sampled else 0
    return Estimate(rows, sampled, differing, expected, *interval(rows, sampled, differing))


def interval(rows: int, sampled: int, differing: int) -> tuple[int, int]:
    """The fewest and the most differing rows among `rows` with which so many in a sample are no great surprise."""
    tail, most = (1 - CONFIDENCE) / 2, rows - (sampled - differing)
    low = _first(differing, most, lambda there: _at_least(differing, there, rows, sampled) >= tail)
    high = _first(low, most + 1, lambda there: there > most or _at_most(differing, there, rows, sampled) < tail) - 1
    return low, max(low, high)


def _first(start: int, end: int, holds: Callable[[int], bool]) -> int:
    """The first number from `start` on for which it holds; it holds for all numbers after that, and for `end`."""
    while start < end:
        middle = (start + end) // 2
        start, end = (start, middle) if holds(middle) else (middle + 1, end)
    return start


def _at_most(found: int, there: int, rows: int, sampled: int) -> float:
    return sum(_exactly(n, there, rows, sampled) for n in range(found + 1))


def _at_least(found: int, there: int, rows: int, sampled: int) -> float:
    return 1.0 - (_at_most(found - 1, there, rows, sampled) if found else 0.0)


def _exactly(found: int, there: int, rows: int, sampled: int) -> float:
    """The chance to draw `found` of the `there` that differ."""
    if not max(0, sampled - (rows - there)) <= found <= min(there, sampled):
        return 0.0
    return exp(_choose(there, found) + _choose(rows - there, sampled - found) - _choose(rows, sampled))


def _choose(among: int, number: int) -> float:
    return lgamma(among + 1) - lgamma(number + 1) - lgamma(among - number + 1)
