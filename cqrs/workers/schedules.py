"""What happens by itself, and when. Due times are counted from an anchor, never from the start of a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cqrs.runtime import Runtime
from cqrs.workers import jobs

ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)

#: A timer may fire a little early by the clock of the database; the tick it fired for counts all the same.
EARLY = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True)
class Schedule:
    name: str
    job: Callable[[Runtime], object]
    every: timedelta
    anchor: datetime = ANCHOR

    def due_at(self, now: datetime) -> datetime:
        """The latest due time: what a gap holds besides is not made up for."""
        return self.anchor + (now + EARLY - self.anchor) // self.every * self.every


SCHEDULES = (
    Schedule("sample projections", jobs.sample, timedelta(seconds=10)),
    Schedule("roll up samples", jobs.roll_up, timedelta(minutes=5), ANCHOR + timedelta(seconds=5)),
    Schedule("replay what outgrew its columns", jobs.replay_outgrown, timedelta(seconds=15)),
    Schedule("drop old generations", jobs.drop_generations, timedelta(hours=1), ANCHOR + timedelta(minutes=11)),
    Schedule("prune", jobs.prune, timedelta(hours=1), ANCHOR + timedelta(minutes=7)),
)
