"""What the page of a row says first: whether it is as its events say, and what is not in it yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cqrs.console.filters import counted, duration, number
from cqrs.drift.explanation import Explanation
from cqrs.projections.status import ProjectionStatus

if TYPE_CHECKING:
    from cqrs.readmodels.set_aside import ParkedKey


@dataclass(frozen=True, slots=True)
class RowSentence:
    """`state` picks the glyph; `link` names what `endpoint` of the projection opens."""

    state: str
    fact: str
    consequence: str = ""
    endpoint: str | None = None
    link: str = ""
    anchor: str | None = None


def sentences_of(
    found: Explanation, status: ProjectionStatus | None, parked: ParkedKey | None, columns: int, took: float
) -> list[RowSentence]:
    """`columns` is how many a row has, `took` the seconds that deriving it took."""
    said = [_verdict(found, columns, took)]
    if parked is not None:
        waits = f"{number(parked.held)} {'event waits' if parked.held == 1 else 'events wait'}"
        why = f"Event {number(parked.position)} could not be applied; {waits}."
        said.append(RowSentence("warn", "This key is parked.", why, "parked.index", "Retry or skip it"))
    if found.later:
        said.append(_later(found, status))
    return said


def _verdict(found: Explanation, columns: int, took: float) -> RowSentence:
    until, events = f"up to checkpoint {number(found.position)}", _events(found)
    derived = f"Derived again just now from {events} in {_took(took)}"
    if found.error is not None:
        at = f" at event {number(found.failed_at)}" if found.failed_at is not None else ""
        return RowSentence("bad", f"The row cannot be derived: its handler failed{at}.", found.error)
    if found.parked:
        as_of = "The row stays as of its last good event until it is released."
        return RowSentence("unknown", f"What its events imply {until} is not expected here.", as_of)
    if found.equal and found.stored is None:
        return RowSentence("ok", f"There is no row, and its events imply none {until}.", f"{derived}.")
    if found.equal:
        same = f"{derived}, {columns} of {columns} columns equal."
        return RowSentence("ok", f"The stored row is exactly what its events imply {until}.", same)
    if found.stored is None:
        return RowSentence("drift", f"The table has no row, and its events imply one {until}.", f"{derived}.")
    if found.derived is None and not found.last_set:
        return RowSentence("drift", "No event made this row.", "Something else wrote it.")
    if found.derived is None:
        return RowSentence("drift", f"There is a row, and its events imply none {until}.", f"{derived}.")
    count = len(found.differing)
    fact = f"{count} of {columns} columns {'is' if count == 1 else 'are'} not what the events imply {until}."
    return RowSentence("drift", fact, f"{derived}.")


def _later(found: Explanation, status: ProjectionStatus | None) -> RowSentence:
    count = len(found.later)
    fact = f"{number(count)} later {'event is' if count == 1 else 'events are'} not applied yet."
    if status is None:
        return RowSentence("unknown", fact)
    failure = status.failure
    if failure is not None:
        why = f"{failure.event_type} {number(failure.position)} failed: {failure.error.splitlines()[0]}"
        return RowSentence("failed", fact, why, "projections.show", "See what failed")
    if status.paused_at is not None:
        return RowSentence("paused", fact, "The projection is paused.", "projections.show", "See the projection")
    if status.state == "unknown":
        return RowSentence("unknown", fact, "No worker has reported.", "projections.show", "See the projection")
    return RowSentence("catching_up", fact, "The projection is on its way.", "projections.show", "See the projection")


def _events(found: Explanation) -> str:
    return counted(found.earlier + len(found.events) + found.following, "event")


def _took(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))} ms" if seconds < 1 else duration(seconds)
