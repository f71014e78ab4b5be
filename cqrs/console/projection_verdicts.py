"""What is wrong with one projection, and what that means for its readers: a verdict for each finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cqrs.console import drift_words
from cqrs.console.filters import counted, duration, number
from cqrs.console.verdict import Link, Span, Verdict
from cqrs.projections.drift_known import LastCheck
from cqrs.projections.status import ProjectionStatus
from cqrs.workers.operation import Operation, OperationState


def findings(status: ProjectionStatus, operation: Operation | None, *, workers: int) -> list[Verdict]:
    """`operation` is the one at work on it, `workers` is how many are alive."""
    if operation is not None and operation.state is OperationState.WAITING and status.state == "replaying":
        return [_parked(status)] if status.parked else []  # that it waits is a finding of its own
    found = list[Verdict]()
    describe = _DESCRIPTIONS.get(str(status.state))
    if describe and not (status.state == "unknown" and workers == 0):  # one line says that for all
        found.append(_watched(describe(status), status, operation))
    if status.note and operation is None:
        found.append(_noted(status))
    if status.parked:
        found.append(_parked(status))
    if status.drift.standing:
        found.append(_drifted(status))
    elif status.last_check is not None and status.last_check.verdict == "not_deterministic":
        found.append(_not_deterministic(status, status.last_check))
    return found


def _watched(verdict: Verdict, status: ProjectionStatus, operation: Operation | None) -> Verdict:
    """With a link to the operation that is at work on it."""
    if operation is None or status.state != "replaying":
        return verdict
    return replace(verdict, link=Link("Watch it", "operations.show", {"identity": operation.id}))


def _noted(status: ProjectionStatus) -> Verdict:
    """Rows that other code made: what helps is a replay, and what it would mean is a click away."""
    finding = _verdict("warn", status, (Span(f": {status.note}"),), "", "See the projection")
    if status.generation is None:
        return finding
    return replace(finding, link=Link("Preview a replay", "replays.preflight", {"name": status.name}))


def _verdict(
    state: str, status: ProjectionStatus, fact: tuple[Span, ...], consequence: str, link: str, anchor: str | None = None
) -> Verdict:
    return Verdict(state, fact, status.name, consequence, Link(link, "projections.show", {"name": status.name}, anchor))


def _behind(status: ProjectionStatus) -> Span:
    if status.lag_events is None:
        return Span("an unknown number of events behind", strong=True)
    return Span(f"{counted(status.lag_events, 'event')} behind", strong=True)


def _failed(status: ProjectionStatus) -> Verdict:
    fact: tuple[Span, ...] = (Span(" failed and is "), _behind(status))
    if status.lag_seconds is not None and status.lag_events:
        age = Span(duration(status.lag_seconds), strong=True)
        fact += (Span("; its oldest unprocessed event is "), age, Span(" old"))
    readers = f"Readers see rows as of event {number(status.checkpoint)}."
    return _verdict("failed", status, (*fact, Span(".")), readers, "See what failed")


def _unknown(status: ProjectionStatus) -> Verdict:
    silent = "" if status.heartbeat_seconds is None else f" for {duration(status.heartbeat_seconds)}"
    fact = (Span(" has not reported"), Span(silent, strong=True), Span(": whether it is running is unknown."))
    return _verdict("unknown", status, fact, f"It is {_behind(status).text}.", "See the projection")


def _stalled(status: ProjectionStatus) -> Verdict:
    since = status.seconds_since_advance
    moved = "has not moved" if since is None else f"has not moved for {duration(since)}"
    fact = (Span(" is stalled: "), _behind(status), Span(f", and its checkpoint {moved}."))
    return _verdict("stalled", status, fact, "No error was reported.", "See the projection")


def _paused(status: ProjectionStatus) -> Verdict:
    by = f" by {status.paused_by}" if status.paused_by else ""
    fact = (Span(f" was paused{by} and is "), _behind(status), Span("."))
    if status.lag_events == 0:
        fact = (Span(f" was paused{by}. "), Span("No event waits yet", strong=True), Span("."))
    reason = f"“{status.paused_reason}”" if status.paused_reason else ""
    return _verdict("paused", status, fact, reason, "See the projection")


def _catching_up(status: ProjectionStatus) -> Verdict:
    fact = (Span(" is catching up: "), _behind(status), Span("."))
    if status.rate and status.lag_events:
        left = duration(status.lag_events / status.rate)
        return _verdict("catching_up", status, fact, f"About {left} left at {status.rate:,.0f} events/s.", "Watch it")
    return _verdict("catching_up", status, fact, "The time left is unknown.", "Watch it")


def _replaying(status: ProjectionStatus) -> Verdict:
    fact = (Span(" is being replayed into a new generation."),)
    return _verdict("replaying", status, fact, f"Readers stay on generation {status.generation}.", "Watch it")


def _parked(status: ProjectionStatus) -> Verdict:
    keys = counted(status.parked, "parked key")
    theirs = "Its row stays" if status.parked == 1 else "Their rows stay"
    fact = (Span(" has "), Span(keys, strong=True), Span("."))
    consequence = f"{theirs} as of the last good event; all other keys go on."
    return _verdict("warn", status, fact, consequence, "See parked keys", "parked")


def _drifted(status: ProjectionStatus) -> Verdict:
    drift = status.drift
    last, rows = drift.last_check, drift_words.rows(drift)
    if last is not None and last.id == drift.found_by and last.differing == drift.standing:
        counted = Span(f"{number(last.differing)} of {drift_words.of_rows(last.checked)}", strong=True)
        fact = (Span(" has drifted: "), counted, Span(f" checked {_differ(last.differing)}."))
    else:
        fact = (Span(" has drifted: "), Span(rows, strong=True), Span(f" found so far {_differ(drift.standing)}."))
    link = Link(f"Review {rows}", "drift.check", {"identity": drift.found_by or ""})
    return Verdict("drift", fact, status.name, "", link)


def _differ(rows: int) -> str:
    return "differs from its events" if rows == 1 else "differ from their events"


def _not_deterministic(status: ProjectionStatus, last: LastCheck) -> Verdict:
    fact = (Span(" is "), Span("not deterministic", strong=True), Span(": derived twice, rows came out otherwise."))
    link = Link("See the check", "drift.check", {"identity": last.id})
    return Verdict("warn", fact, status.name, "Neither a check nor a repair can be relied on.", link)


_DESCRIPTIONS: dict[str, Callable[[ProjectionStatus], Verdict]] = {
    "failed": _failed,
    "unknown": _unknown,
    "stalled": _stalled,
    "paused": _paused,
    "catching_up": _catching_up,
    "replaying": _replaying,
}
