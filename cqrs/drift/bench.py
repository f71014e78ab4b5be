"""What a check works with, whatever it looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cqrs.drift.coverage import Coverages
from cqrs.drift.judge import Judge
from cqrs.drift.key_walk import CHUNK_KEYS, KeyWalk
from cqrs.drift.tally import Tally
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.progress import Progress
from cqrs.readmodels.foreign_writes import ForeignWrites

#: Rows that are counted; more are not.
COUNT_CAP = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSizes:
    chunk_keys: int = CHUNK_KEYS
    #: Rows that a sample has: of 1,000 rows with one wrong one among them, it misses all in one of 20 cases.
    sample_rows: int = 3_000
    #: How long a rolling check goes on, and then to the end of its chunk: once an hour, as much as 150 ms a minute.
    rolling_seconds: float = 10.0
    #: With more touched keys, or events to read for finding them, all rows are looked at instead.
    touched_keys: int = 50_000
    touched_events: int = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """For one check."""

    judge: Judge
    keys: KeyIndex
    coverages: Coverages
    foreign: ForeignWrites
    run: Progress
    tally: Tally
    sizes: CheckSizes
    monotonic: Callable[[], float]

    @property
    def name(self) -> str:
        return self.judge.projection.name

    def walk(self) -> KeyWalk:
        return KeyWalk(self.judge, self.keys, self.tally, self.run, self.sizes.chunk_keys, self.monotonic)

    def count_rows(self) -> int:
        return self.judge.snapshots.count(self.judge.model, COUNT_CAP)

    def index(self) -> None:
        """So that looking up keys is cheap; what is appended later is found without."""
        self.run.phase("index keys")
        head = self.judge.live().position
        while self.keys.indexed_to() < head and self.keys.follow():
            self.run.progress(self.keys.indexed_to(), total=head)

    def claim_foreign_writes(self) -> None:
        self.foreign.claim(self.name, self.judge.live().number, self.tally.check.id)
