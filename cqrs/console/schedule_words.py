"""Schedules and their runs in words, with the glyph of their state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cqrs.workers.schedule import CHECK, RunState, Schedule, ScheduleRun, ScheduleStatus
from cqrs.workers.timing_words import span_words, timing_words

#: What each kind does; a check is told by its level.
WORK = {
    "sample": "measures lag and positions for the charts",
    "replay-outgrown": "replays where the code has other columns",
    "roll-up": "merges fine samples into coarser ones",
    "drop-generations": "drops what was kept for 24 hours",
    "prune": "forgets ended sessions, and answers after 30 days",
    "forget": "forgets what finished 90 days ago",
}
LEVELS = {
    "full": "compares all rows with the log",
    "incremental": "compares what changed since the last one",
    "rolling": "compares the next part of all rows",
    "sample": "compares rows chosen at random",
}
GLYPHS = {
    RunState.WAITING: "idle",
    RunState.RUNNING: "busy",
    RunState.SUCCEEDED: "ok",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "idle",
    RunState.SKIPPED: "idle",
    RunState.UNKNOWN: "unknown",
}
VERDICTS = {"drift": "drift", "inconclusive": "unknown", "not_deterministic": "warn"}


@dataclass(frozen=True, slots=True)
class RunRow:
    run: ScheduleRun
    glyph: str
    word: str
    why: str | None
    took: float | None

    @property
    def brief(self) -> RunRow:
        """Without the reason: for a list."""
        return replace(self, why=None)


def run_rows(runs: Sequence[ScheduleRun]) -> list[RunRow]:
    return [run_row(run) for run in runs]


def run_row(run: ScheduleRun) -> RunRow:
    took = None if run.took is None else run.took.total_seconds()
    return RunRow(run, glyph(run), word(run), why(run), took)


def glyph(run: ScheduleRun) -> str:
    if run.state is RunState.SUCCEEDED:
        return VERDICTS.get(run.verdict or "", "ok")
    return GLYPHS[run.state]


def word(run: ScheduleRun) -> str:
    """How it ended, or how far it is."""
    if run.state is not RunState.SUCCEEDED:
        return run.state.value
    match run.verdict:
        case "none":
            return "no drift"
        case "drift":
            return f"{run.differing or 0:,} {'row differs' if run.differing == 1 else 'rows differ'}"
        case "not_deterministic":
            return "not deterministic"
        case None:
            return run.outcome or "done"
    return run.verdict


def why(run: ScheduleRun) -> str | None:
    """What is to be known besides."""
    if run.state is RunState.SKIPPED:
        return (run.outcome or "").removeprefix("skipped: ") or None
    if run.state is RunState.WAITING:
        return "for a worker" if run.operation else "for the scheduler"
    return run.error


def work(schedule: Schedule) -> str:
    """What it does, as a line under its name: it …"""
    if schedule.kind != CHECK:
        return WORK.get(schedule.kind, schedule.kind)
    if schedule.reference == "write_model":
        return "compares all rows with the write model"
    return LEVELS.get(schedule.level or "", f"checks at level {schedule.level}")


def timing(schedule: Schedule) -> str:
    return timing_words(schedule.timing)


def jitter(schedule: Schedule) -> str | None:
    spread = schedule.timing.jitter
    return f"begins up to {span_words(spread)} later" if spread and schedule.broken is None else None


def headline(statuses: Sequence[ScheduleStatus], *, alive: bool) -> str:
    """How many are on, and the worst that there is to say of them."""
    own = [each for each in statuses if not each.schedule.fixed]
    on = sum(each.on for each in own)
    words = f"All {on} schedules are on" if on == len(own) else f"{on} of {len(own)} schedules are on"
    if not own:
        return "There are no schedules yet."
    return f"{words}. {_worst(statuses)}" if alive else f"{words}, but no scheduler is alive."


def _worst(statuses: Sequence[ScheduleStatus]) -> str:
    own = [each for each in statuses if not each.schedule.fixed]
    broken = [each.schedule.name for each in statuses if each.schedule.broken is not None]
    if broken:
        return f"When {_named(broken)} {'runs' if len(broken) == 1 else 'run'} cannot be read."
    last = [(each.schedule.name, each.last) for each in statuses if each.last is not None]
    failed = [name for name, run in last if run.state is RunState.FAILED]
    if failed:
        return f"The last run of {_named(failed)} failed."
    drifted = [(name, word(run)) for name, run in last if glyph(run) in ("drift", "warn")]
    if len(drifted) == 1:
        return f"The last {_lowered(drifted[0][0])}: {drifted[0][1]}."
    if drifted:
        return f"{len(drifted)} checks found something the last time."
    missed = [each.schedule.name for each in own if each.missed is not None]
    if missed:
        return f"A due time of {_named(missed)} was missed."
    if not any(each.last for each in own):
        return "None has run yet."
    return (
        "The last runs found nothing wrong." if all(each.last for each in own) else "What has run found nothing wrong."
    )


def _named(names: Sequence[str]) -> str:
    return f"“{names[0]}”" if len(names) == 1 else f"{len(names)} of them"


def _lowered(name: str) -> str:
    return name[:1].lower() + name[1:]
