"""Head of the log and checkpoint over time: numbers in, SVG path data, labels and a sentence out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cqrs.workers.samples import Sample

WIDTH, HEIGHT = 600, 200
#: Lines across, and labels of the time below.
LINES = 4
#: So many positions at least from bottom to top, so that one event is no cliff.
LEAST_SPAN = 8
#: Labels at the end of the lines closer than this would lie on each other.
APART = 30.0
#: The height of one line of a label.
LABEL = 13.0
ROWS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the two lines end: heights in the drawing, moved apart for their labels."""

    head: int
    checkpoint: int
    head_y: float
    checkpoint_y: float

    @property
    def behind_y(self) -> float | None:
        """Between the two, where there is room for a third label."""
        middle = (self.head_y + self.checkpoint_y) / 2 + LABEL / 2
        return round(middle, 1) if self.checkpoint_y - self.head_y > 2 * APART else None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that explains a line: `state` picks its colour."""

    words: str
    at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A happening where it lies in the drawing."""

    happening: Happening
    x: float


@dataclass(frozen=True, slots=True)
class PositionChart:
    """Paths are empty where nothing was measured; `gap` is the area between the lines."""

    width: int
    height: int
    grid: tuple[float, ...]
    head: str
    checkpoint: str
    gap: str
    #: Positions from top to bottom, times from left to right.
    positions: tuple[int, ...]
    times: tuple[str, ...]
    ends: Ends | None
    marks: tuple[Mark, ...]
    #: When the first measurement was, where nothing was measured at the start of the time shown.
    since: datetime | None
    sentence: str
    #: The same as a table, thinned out, the newest first.
    rows: tuple[Sample, ...]


def position_chart(
    name: str,
    samples: Sequence[Sample | None],
    *,
    during: str,
    times: Sequence[datetime],
    tell: Callable[[datetime], str],
    happenings: Sequence[Happening] = (),
) -> PositionChart:
    """`samples` oldest first, None where nothing was measured; `times` are the labels below, told by `tell`.
    `happenings` outside of them are left out."""
    known = [sample for sample in samples if sample and sample.head is not None and sample.checkpoint is not None]
    low, step = _scale(known)
    top = low + step * LINES
    place = _Place(len(samples), low, top)
    runs = place.runs(samples)
    return PositionChart(
        width=WIDTH,
        height=HEIGHT,
        grid=tuple(HEIGHT * line / LINES for line in range(LINES + 1)),
        head="".join(_line([(x, head) for x, head, _ in run]) for run in runs),
        checkpoint="".join(_line([(x, checkpoint) for x, _, checkpoint in run]) for run in runs),
        gap="".join(_area(run) for run in runs if len(run) > 1),
        positions=tuple(top - step * line for line in range(LINES + 1)) if known else (),
        times=tuple(tell(moment) for moment in times),
        ends=_ends(known[-1], place) if known else None,
        marks=tuple(_marks(happenings, times)),
        since=known[0].at if known and not any(samples[: len(samples) // 10]) else None,
        sentence=_sentence(name, known, during),
        rows=tuple(reversed(_thinned(known))),
    )


def _marks(happenings: Sequence[Happening], times: Sequence[datetime]) -> Iterator[Mark]:
    start, end = min(times), max(times)
    for each in sorted(happenings, key=lambda happening: happening.at):
        if start <= each.at <= end and start < end:
            yield Mark(each, round(WIDTH * ((each.at - start) / (end - start)), 1))


class _Place:
    """From a slot of time and a position to a point of the drawing."""

    def __init__(self, slots: int, low: int, top: int) -> None:
        self._step = WIDTH / max(1, slots - 1)
        self._low, self._top = low, top

    def y(self, position: int) -> float:
        return HEIGHT - HEIGHT * (position - self._low) / (self._top - self._low)

    def runs(self, samples: Sequence[Sample | None]) -> list[list[tuple[float, float, float]]]:
        """(x, height of the head, height of the checkpoint), parted where nothing was measured."""
        runs: list[list[tuple[float, float, float]]] = [[]]
        for slot, sample in enumerate(samples):
            if sample is None or sample.head is None or sample.checkpoint is None:
                runs.append([])
            else:
                runs[-1].append((slot * self._step, self.y(sample.head), self.y(sample.checkpoint)))
        return [run for run in runs if run]


def _scale(known: Sequence[Sample]) -> tuple[int, int]:
    """The lowest line and the distance of two lines, in round numbers. Positions need not start at 0."""
    positions = [position for each in known for position in (each.head or 0, each.checkpoint or 0)] or [0]
    low, high = min(positions), max(positions)
    span = max(high - low, LEAST_SPAN)
    low = max(0, low - (span - (high - low)) // 2)
    step = next(each for each in _round_numbers() if each * LINES >= span)
    while (low // step + LINES) * step < high:
        step = next(each for each in _round_numbers() if each > step)
    return low // step * step, step


def _round_numbers() -> Sequence[int]:
    return [first * 10**power for power in range(19) for first in (1, 2, 5)]


def _ends(last: Sample, place: _Place) -> Ends:
    head, checkpoint = last.head or 0, last.checkpoint or 0
    head_y, checkpoint_y = place.y(head), place.y(checkpoint)
    if head != checkpoint and checkpoint_y - head_y < APART:
        middle = min(max((head_y + checkpoint_y) / 2, APART), HEIGHT - APART)
        head_y, checkpoint_y = middle - APART / 2, middle + APART / 2
    return Ends(head, checkpoint, round(head_y, 1), round(checkpoint_y, 1))


def _line(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = points
    dot = "h0.1" if not rest else ""  # a single measurement is a dot, not nothing
    return f"M{x:.1f} {y:.1f}{dot}" + "".join(f"L{x:.1f} {y:.1f}" for x, y in rest)


def _area(run: Sequence[tuple[float, float, float]]) -> str:
    there = _line([(x, head) for x, head, _ in run])
    back = "".join(f"L{x:.1f} {checkpoint:.1f}" for x, _, checkpoint in reversed(run))
    return f"{there}{back}z"


def _thinned(known: Sequence[Sample]) -> list[Sample]:
    """Evenly, with the last one."""
    every = max(1, -(-len(known) // ROWS_SHOWN))
    return list(known[::-1][::every])[::-1]


def _sentence(name: str, known: Sequence[Sample], during: str) -> str:
    if not known:
        return f"Head and checkpoint of {name} were not measured in the {during}."
    first, last = known[0], known[-1]
    behind = (last.head or 0) - (last.checkpoint or 0)
    stood = any(old.checkpoint == new.checkpoint and old.head != new.head for old, new in pairwise(known))
    words = "; the checkpoint stood still while the head moved" if stood and behind else ""
    return (
        f"In the {during} the head went from {first.head:,} to {last.head:,} and the checkpoint of {name} "
        f"from {first.checkpoint:,} to {last.checkpoint:,}: {behind:,} behind{words}."
    )
