"""Operations in words: what they are called, how far they are, how they ended. What is not known is said to be so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cqrs.console import drift_words
from cqrs.console.filters import duration, number
from cqrs.workers.operation import Operation, OperationState, Phase

#: By kind: under way, and as a thing.
TITLES = {
    "replay": ("Replaying {}", "Replay of {}"),
    "rollback": ("Rolling back {}", "Roll back of {}"),
    "check": ("Checking {}", "Check of {}"),
    "repair": ("Repairing {}", "Repair of {}"),
}
#: The glyph and colour of each state, in the vocabulary of projections.
GLYPHS = {
    OperationState.REQUESTED: "unknown",
    OperationState.RUNNING: "replaying",
    OperationState.WAITING: "warn",
    OperationState.CANCELLING: "busy",
    OperationState.SUCCEEDED: "ok",
    OperationState.FAILED: "failed",
    OperationState.CANCELLED: "unknown",
}
#: Phases as they follow each other, before any of them has begun.
PLANS = {"replay": ("build", "catch up", "compare", "swap"), "rollback": ("catch up", "swap")}
PHASES = {
    "build": ("Building", "all rows, from the first event on"),
    "catch up": ("Catching up", "with events appended meanwhile"),
    "compare": ("Comparing", "each row with the one readers see"),
    "swap": ("Swapping", "readers move to it in one transaction"),
}
#: What a phase counts.
UNITS = {"compare": "rows"}
#: A worker that says nothing for so long has lost its lease.
SILENT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Step:
    """One phase as the page shows it. `state`: ok, active, bad, or empty for one that has not begun."""

    label: str
    about: str
    state: str
    times: str


def title(operation: Operation, generation: int | None = None) -> str:
    """Such as "Replaying orders into generation 8"."""
    if operation.state not in (OperationState.RUNNING, OperationState.CANCELLING):
        return title_of(operation)
    doing, _ = TITLES.get(operation.kind, ("Working on {}", ""))
    where = f" {'to' if operation.kind == 'rollback' else 'into'} generation {generation}" if generation else ""
    return doing.format(operation.projection) + where


def noun(operation: Operation) -> str:
    """Such as "replay of orders", for the middle of a sentence."""
    thing = title_of(operation)
    return thing[:1].lower() + thing[1:]


def title_of(operation: Operation) -> str:
    return TITLES.get(operation.kind, ("", f"{operation.kind.capitalize()} of {{}}"))[1].format(operation.projection)


def phase_word(operation: Operation) -> str:
    """The word beside the title: the phase while it runs, else the state."""
    if operation.state is OperationState.RUNNING and operation.phase is not None:
        return label_of(operation.phase).lower()
    return operation.state.value


def label_of(phase: str) -> str:
    return PHASES.get(phase, (phase.capitalize(), ""))[0]


def unit_of(phase: str | None) -> str:
    return UNITS.get(phase or "", "events")


def percent(operation: Operation) -> int | None:
    """Of the phase at hand, rounded down; None when it is not known."""
    if operation.state is OperationState.SUCCEEDED:
        return 100
    if operation.done is None or not operation.total:
        return None
    return min(100, operation.done * 100 // operation.total)


def progress_words(operation: Operation) -> str:
    """One line for lists: "building, 61 %, about 1 min 36 s left"."""
    if operation.state is not OperationState.RUNNING:
        return ""
    share = percent(operation)
    parts = [phase_word(operation)] if operation.phase else ["begins"]
    parts.append("share done unknown" if share is None else f"{share} %")
    return ", ".join([*parts, left(operation)])


def short_progress(operation: Operation) -> str:
    """For a cell of a table: "building, 61 %, 1 min 36 s left"; how it stands when it does not run."""
    if operation.state is OperationState.WAITING:
        return "waits for review"
    if operation.state is not OperationState.RUNNING:
        return operation.state.value
    share, eta = percent(operation), operation.eta_seconds
    parts = [phase_word(operation) if operation.phase else "begins", "" if share is None else f"{share} %"]
    return ", ".join(filter(None, [*parts, "" if eta is None else f"{duration(eta)} left"]))


def left(operation: Operation) -> str:
    eta = operation.eta_seconds
    return "time left unknown" if eta is None else f"about {duration(eta)} left in this phase"


def steps(operation: Operation, now: datetime) -> list[Step]:
    """The phases there will be, each with how it went; one that is done again counts as it goes now."""
    latest = {phase.name: phase for phase in operation.phases}
    planned = PLANS.get(operation.kind, ())
    names = [*planned, *(name for name in latest if name not in planned)]
    at = names.index(operation.phase) if operation.phase in latest else -1
    return [_step(name, latest.get(name), operation, place - at, now) for place, name in enumerate(names)]


def _step(name: str, phase: Phase | None, operation: Operation, distance: int, now: datetime) -> Step:
    label, about = PHASES.get(name, (name.capitalize(), ""))
    if phase is None or distance > 0:
        skipped = operation.state is OperationState.SUCCEEDED
        return Step(label, about, "", "not needed" if skipped else "not begun")
    note = phase.note or about
    if distance == 0 and not operation.state.finished:
        return Step(label, note, "active", f"for {duration((now - phase.started_at).total_seconds())}")
    took = "unknown" if phase.finished_at is None else duration((phase.finished_at - phase.started_at).total_seconds())
    broken = distance == 0 and operation.state is not OperationState.SUCCEEDED
    return Step(label, note, "bad" if broken else "ok", f"{'stopped after' if broken else 'took'} {took}")


def sentence(operation: Operation, *, live: int | None, workers: int) -> str:
    """How it is and what readers see, in full sentences. `live` is the generation readers see now."""
    readers = f"Readers see generation {live}." if live else "What readers see is unknown."
    match operation.state:
        case OperationState.REQUESTED:
            return f"{_why_not_begun(workers)} {readers}"
        case OperationState.RUNNING:
            return f"{_running(operation)} {readers}"
        case OperationState.WAITING:
            why = (operation.result or {}).get("why") or "Somebody has to look first."
            return f"Waits for your review. {why} {readers}"
        case OperationState.CANCELLING:
            asked = f"{operation.cancelled_by} asked it to stop" if operation.cancelled_by else "It was asked to stop"
            return f"{asked}; it ends at its next step. {readers}"
        case OperationState.SUCCEEDED:
            return f"{_done(operation)} {_took(operation)}".strip()
        case OperationState.CANCELLED:
            by = f"Cancelled by {operation.cancelled_by}. " if operation.cancelled_by else "Cancelled. "
            return by + str((operation.result or {}).get("outcome", readers))
    return f"It stopped: {operation.errors[-1] if operation.errors else 'the reason is unknown.'}"


def _why_not_begun(workers: int) -> str:
    if not workers:
        return "No worker is alive, so it has not begun. Start one: make worker."
    return "It waits for a worker: at most two replays run at once, and each worker does one thing after the other."


def _running(operation: Operation) -> str:
    if operation.silent_seconds is not None and operation.silent_seconds > SILENT_SECONDS:
        silent = duration(operation.silent_seconds)
        return f"Its worker has been silent for {silent}; the next one goes on where it was."
    share = percent(operation)
    done = "How much of this phase is done is unknown" if share is None else f"{share} % of this phase is done"
    return f"{done}, {left(operation)}."


def _done(operation: Operation) -> str:
    result = operation.result or {}
    if "repaired" in result:
        return _repaired(int(result["repaired"]))
    if "verdict" in result:
        return f"{checked(result).capitalize()}."
    if "generation" not in result:
        return "Done."
    position = result.get("position")
    return f"Readers were given generation {result['generation']}, as of position {number(position)}."


def _repaired(rows: int) -> str:
    if not rows:
        return "No row was written: all of them were right already, or could not be derived."
    were = f"{drift_words.of_rows(rows)} {'was' if rows == 1 else 'were'} written anew"
    return f"{were}; the audit log has them before and after."


def checked(result: Mapping[str, object]) -> str:
    """What a check came to, such as "no drift, 5 rows checked"."""
    _, word = drift_words.told(str(result["verdict"]))
    return f"{word}, {drift_words.of_rows(int(str(result['checked'])))} checked"


def _took(operation: Operation) -> str:
    seconds = took(operation)
    return "" if seconds is None else f"It took {duration(seconds)}."


def took(operation: Operation) -> float | None:
    """Seconds from its first step to its last; None until both are known."""
    if operation.started_at is None or operation.finished_at is None:
        return None
    return (operation.finished_at - operation.started_at).total_seconds()


def compared(found: object) -> str | None:
    """The counts of a comparison as a sentence; None when there was none."""
    if not isinstance(found, Mapping):
        return None
    words = {"equal": "equal", "changed": "changed", "missing": "missing", "extra": "extra", "known": "known to differ"}
    counts = [f"{number(found[name])} {word}" for name, word in words.items() if name in found]
    return f"Rows: {', '.join(counts)}." if counts else None


def count_words(operations: Sequence[Operation]) -> tuple[str, str | None] | None:
    """What the navigation says of those that are not finished: words, and a state where somebody is asked for."""
    waiting = sum(each.state is OperationState.WAITING for each in operations)
    if waiting:
        return f"{waiting} to review", "warn"
    return (f"{len(operations)} running", None) if operations else None
