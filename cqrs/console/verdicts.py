"""The overview's sentences: what is wrong, what that means, where to look; worst first, good news last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from cqrs.console import drift_words
from cqrs.console.filters import duration, number
from cqrs.projections.drift_known import LastCheck
from cqrs.projections.status import ProjectionStatus
from cqrs.store.order_report import OrderReport
from cqrs.workers.operation import EXCLUSIVE, Operation, OperationState

#: More findings than this are counted, not listed.
MOST = 5


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a sentence; the piece that matters is strong."""

    text: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """Where one looks next, named by what it opens."""

    text: str
    endpoint: str
    values: dict[str, str] = field(default_factory=dict)
    anchor: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One finding. `state` picks the glyph; `subject` is a name, set in mono before the fact."""

    state: str
    fact: tuple[Span, ...]
    subject: str | None = None
    consequence: str = ""
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The headline, at most `MOST` findings, and how many more there are."""

    headline: str
    verdicts: tuple[Verdict, ...]
    more: int = 0


def judge(
    statuses: Sequence[ProjectionStatus],
    *,
    head: int,
    workers: int,
    operations: Sequence[Operation] = (),
    order: OrderReport | None = None,
    others: Sequence[Verdict] = (),
) -> Judgement:
    """What an operator should know first. `workers` is how many are alive, `operations` are those not finished,
    `others` what was found besides."""
    doing = {operation.projection: operation for operation in operations if operation.kind in EXCLUSIVE}
    found = [finding for status in statuses for finding in _findings(status, doing.get(status.name), workers=workers)]
    found += [_waits_for_review(each) for each in operations if each.state is OperationState.WAITING]
    found += others
    found.sort(key=lambda finding: _RANKS.index(finding.state))
    if order is not None and order.held_back:
        found.insert(0, _held_back(order))
    if workers == 0:
        found.insert(0, _no_worker(head))
    caught_up = [status for status in statuses if status.state == "running"]
    shown = found[:MOST]
    held = order if order is not None and order.held_back else None
    good = _good_news(statuses, caught_up, held) if head else _waiting(statuses)
    return Judgement(
        headline=_headline(statuses, caught_up, head=head, workers=workers, held=held),
        verdicts=(*shown, *good),
        more=len(found) - len(shown),
    )


def worst(statuses: Sequence[ProjectionStatus]) -> tuple[str, str] | None:
    """State and words for the navigation, only when something asks for attention: ("failed", "1 failed")."""
    for state in ("failed", "unknown", "stalled", "paused"):
        count = sum(status.state == state for status in statuses)
        if count:
            return state, f"{count} {state}"
    parked = sum(status.parked for status in statuses)
    return ("warn", f"{number(parked)} parked") if parked else None


_RANKS = ("failed", "unknown", "drift", "warn", "stalled", "paused", "replaying", "catching_up", "ok")


def _headline(
    statuses: Sequence[ProjectionStatus],
    caught_up: Sequence[ProjectionStatus],
    *,
    head: int,
    workers: int,
    held: OrderReport | None,
) -> str:
    if head == 0:
        return "The event log is empty."
    if not statuses:
        return "No projections are declared."
    if workers == 0:
        return "No worker is running."
    if held is not None and len(caught_up) == len(statuses):
        return f"The order of the log is held at {number(held.safe_head)}."
    if len(caught_up) == len(statuses):
        return "All projections are caught up." if len(statuses) > 1 else f"{statuses[0].name} is caught up."
    if not caught_up:
        return "No projection is caught up."
    return f"{len(caught_up)} of {len(statuses)} projections {'is' if len(caught_up) == 1 else 'are'} caught up."


def _no_worker(head: int) -> Verdict:
    if not head:
        consequence = "Events will be recorded, but no projection will apply them."
        start = Link("Start a worker", "overview.index", anchor="worker")
        return Verdict("warn", (Span("No worker is running.", strong=True),), consequence=consequence, link=start)
    fact = (Span("Events are recorded, but "), Span("no projection applies them", strong=True), Span("."))
    return Verdict("warn", fact, consequence="Readers see rows as of each checkpoint. Start one: make worker")


def _held_back(order: OrderReport) -> Verdict:
    """Readers are level with what they may read, so without this line all would look well."""
    oldest = order.holders[0]
    age = "" if oldest.age_seconds is None else f" open for {duration(oldest.age_seconds)}"
    holds = Span(f"holds the order at {number(order.safe_head)}", strong=True)
    waiting = f"{_events(order.waiting)} {'waits' if order.waiting == 1 else 'wait'} behind it"
    consequence = f"{waiting}, and no projection applies {'it' if order.waiting == 1 else 'them'} before it ends."
    link = Link("See who holds it", "system.index", anchor="order")
    return Verdict("warn", (Span(f"An append{age} "), holds, Span(".")), consequence=consequence, link=link)


def _waiting(statuses: Sequence[ProjectionStatus]) -> list[Verdict]:
    """What is well before the first event: this page could be read, so the database answers and its tables fit."""
    names = ", ".join(status.name for status in statuses)
    count = f"{len(statuses)} projection{' is' if len(statuses) == 1 else 's are'} registered and wait"
    ready = Verdict("ok", (Span("The database answers and its tables are up to date."),))
    return [ready, Verdict("ok", (Span(f"{count} for the first event: {names}."),))] if statuses else [ready]


def _findings(status: ProjectionStatus, operation: Operation | None, *, workers: int) -> list[Verdict]:
    if operation is not None and operation.state is OperationState.WAITING and status.state == "replaying":
        return [_parked(status)] if status.parked else []  # that it waits is a finding of its own
    found = []
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


def _waits_for_review(operation: Operation) -> Verdict:
    why = str((operation.result or {}).get("why") or "Somebody has to look first.")
    fact = (Span(f": its {operation.kind} "), Span("waits for your review", strong=True), Span("."))
    link = Link("Review it", "operations.show", {"identity": operation.id})
    return Verdict("warn", fact, operation.projection, f"{why} Readers see the rows they saw before.", link)


def _verdict(
    state: str, status: ProjectionStatus, fact: tuple[Span, ...], consequence: str, link: str, anchor: str | None = None
) -> Verdict:
    return Verdict(state, fact, status.name, consequence, Link(link, "projections.show", {"name": status.name}, anchor))


def _behind(status: ProjectionStatus) -> Span:
    if status.lag_events is None:
        return Span("an unknown number of events behind", strong=True)
    return Span(f"{_events(status.lag_events)} behind", strong=True)


def _events(count: int) -> str:
    return f"{number(count)} event{'' if count == 1 else 's'}"


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
    keys = f"{number(status.parked)} parked key{'' if status.parked == 1 else 's'}"
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


def _good_news(
    statuses: Sequence[ProjectionStatus], caught_up: Sequence[ProjectionStatus], held: OrderReport | None
) -> list[Verdict]:
    if not caught_up:
        return []
    names = ", ".join(sorted(status.name for status in caught_up))
    if len(caught_up) == len(statuses):
        parked = "" if any(status.parked for status in statuses) else " No keys are parked."
        events = "Every event" if held is None else f"Every event up to {number(held.safe_head)}"
        return [Verdict("ok", (Span(f"{events} is applied by {names}.{parked}"),))]
    return [Verdict("ok", (Span(f"{names} {'is' if len(caught_up) == 1 else 'are'} caught up."),))]
