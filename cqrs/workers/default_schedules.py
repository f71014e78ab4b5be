"""The schedules that a program has by itself, and whether it can run one that it finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from cqrs.workers.due_times import ANCHOR, Timing
from cqrs.workers.schedule import CHECK, Schedule

MINUTE = timedelta(minutes=1)
NIGHTLY = Timing(cron="0 2 * * *", jitter=20 * MINUTE)

#: By level: the name, and when. A level that the program does not have gets no schedule.
CHECK_TIMINGS = {
    "full": ("Full check", NIGHTLY),
    "incremental": ("Incremental check", Timing(every=15 * MINUTE, jitter=MINUTE)),
    "rolling": ("Rolling check", Timing(every=60 * MINUTE, anchor=ANCHOR + 5 * MINUTE, jitter=10 * MINUTE)),
}
AGAINST = {"write_model": "against the write model"}

HOUSEKEEPING = (
    Schedule(
        id="sample", name="Sample projections", kind="sample", timing=Timing(every=timedelta(seconds=10)), fixed=True
    ),
    Schedule(
        id="replay-outgrown",
        name="Replay what outgrew its columns",
        kind="replay-outgrown",
        timing=Timing(every=timedelta(seconds=15)),
        fixed=True,
    ),
    Schedule(
        id="roll-up",
        name="Roll up samples",
        kind="roll-up",
        timing=Timing(every=5 * MINUTE, anchor=ANCHOR + timedelta(seconds=5)),
    ),
    Schedule(
        id="drop-generations",
        name="Drop old generations",
        kind="drop-generations",
        timing=Timing(every=60 * MINUTE, anchor=ANCHOR + 11 * MINUTE),
    ),
    Schedule(
        id="prune",
        name="Prune sessions and requests",
        kind="prune",
        timing=Timing(every=60 * MINUTE, anchor=ANCHOR + 7 * MINUTE),
    ),
    Schedule(id="forget", name="Forget old operations and checks", kind="forget", timing=Timing(cron="30 3 * * *")),
)


class DefaultSchedules:
    """`checks_of` tells the (level, reference) pairs that can be checked of a projection, none for one without."""

    def __init__(
        self,
        projections: Sequence[str],
        checks_of: Callable[[str], Sequence[tuple[str, str]]],
        housekeeping: Sequence[Schedule] = HOUSEKEEPING,
    ) -> None:
        self._projections = projections
        self._checks_of = checks_of
        self._housekeeping = housekeeping

    def all(self) -> list[Schedule]:
        checks = [
            _check(name, level, reference)
            for name in self._projections
            for level, reference in self._checks_of(name)
            if level in CHECK_TIMINGS and (reference == "log" or level == "full")
        ]
        return [*checks, *self._housekeeping]

    def why_not(self, schedule: Schedule) -> str | None:
        """Why this program cannot run it, as the end of a sentence about it; None when it can."""
        if schedule.broken is not None:
            return schedule.broken
        if schedule.kind != CHECK:
            known = schedule.kind in {each.kind for each in self._housekeeping}
            return None if known else f"this program has no job {schedule.kind}"
        if schedule.projection is None or schedule.projection not in self._projections:
            return f"{schedule.projection} is no longer in the code"
        if schedule.level is None:
            return "its parameters cannot be read"
        if (schedule.level, schedule.reference) not in self._checks_of(schedule.projection):
            against = "" if schedule.reference == "log" else f" {AGAINST.get(str(schedule.reference), '')}"
            return f"this program has no {schedule.level} check of {schedule.projection}{against}"
        return None


def _check(projection: str, level: str, reference: str) -> Schedule:
    name, timing = CHECK_TIMINGS[level]
    others = "" if reference == "log" else f" {AGAINST.get(reference, reference)}"
    return Schedule(
        id=f"check-{projection}-{level}" + ("" if reference == "log" else f"-{reference}"),
        name=f"{name} of {projection}{others}",
        kind=CHECK,
        projection=projection,
        parameters={"level": level, "reference": reference},
        timing=timing,
    )
