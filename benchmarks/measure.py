"""Repeating, interleaving, writing down. A shared machine is noisy: only ratios of neighbouring runs mean anything."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

SWITCH_INTERVAL = 0.0005
RESULTS = Path(__file__).parent / "results"


def repetitions() -> int:
    return max(3, int(os.environ.get("BENCH_REPETITIONS", "3")))


def interleaved(sides: Mapping[str, Callable[[], float]], times: int = 1) -> dict[str, list[float]]:
    """Run each side in turn, `times` as often as `repetitions` says, so that a slow minute hits all of them."""
    figures: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(times * repetitions()):
        for name, run in sides.items():
            figures[name].append(run())
    return figures


@contextmanager
def switch_interval() -> Iterator[None]:
    """Let threads take turns as often as they do in `python app.py`, which sets the same."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def quantile(values: Sequence[float], share: float) -> float:
    """The nearest-rank quantile: a value that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Goal:
    """What is hoped for (`goal`), what must not be missed (`floor`), and what came out."""

    what: str
    value: float
    goal: float
    floor: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        return self._meets(self.goal)

    @property
    def below_floor(self) -> bool:
        return not self._meets(self.floor)

    @property
    def verdict(self) -> str:
        return "goal reached" if self.reached else "BELOW THE FLOOR" if self.below_floor else "between floor and goal"

    def _meets(self, mark: float) -> bool:
        return self.value <= mark if self.at_most else self.value >= mark


@dataclass
class Result:
    """One benchmark: every figure measured, the goals, and where the time goes if one was missed."""

    name: str
    unit: str
    settings: Mapping[str, object]
    figures: dict[str, list[float]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    profile: list[str] = field(default_factory=list)

    def median(self, side: str) -> float:
        return statistics.median(self.figures[side])

    def ratio(self, side: str, other: str) -> float:
        """The median of the ratios within each repetition."""
        return statistics.median(a / b for a, b in zip(self.figures[side], self.figures[other], strict=True))

    def missed(self) -> bool:
        return not all(goal.reached for goal in self.goals)

    def write(self) -> None:
        RESULTS.mkdir(exist_ok=True)
        content = {
            "machine": machine(),
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **asdict(self),
            "medians": {side: self.median(side) for side in self.figures},
            "goals": [{**asdict(goal), "verdict": goal.verdict} for goal in self.goals],
        }
        (RESULTS / f"{self.name}.json").write_text(json.dumps(content, indent=2) + "\n")

    def lines(self) -> list[str]:
        width = max(len(side) for side in self.figures)
        return [
            f"{self.name} ({self.unit})",
            *(f"  {side:<{width}}  {self.median(side):>14,.2f}   {spread(v)}" for side, v in self.figures.items()),
            *(f"  {goal.what}: {goal.value:.2f}, goal {goal.goal:g}: {goal.verdict}" for goal in self.goals),
            *(f"  {note}" for note in self.notes),
            *(f"    {line}" for line in self.profile),
        ]


def spread(values: Sequence[float]) -> str:
    return f"[{min(values):,.2f} to {max(values):,.2f}]"


def machine() -> str:
    return (
        f"{platform.machine()} with {os.cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f}"
    )


def say(line: str = "") -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
