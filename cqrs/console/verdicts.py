"""The overview's sentences: what is wrong, what that means, where to look; worst first, good news last."""

from __future__ import annotations

from collections.abc import Sequence

from cqrs.console.filters import counted, duration, number
from cqrs.console.projection_verdicts import findings
from cqrs.console.verdict import Judgement, Link, Span, Verdict
from cqrs.projections.status import ProjectionStatus
from cqrs.store.order_report import OrderReport
from cqrs.workers.operation import EXCLUSIVE, Operation, OperationState

#: More findings than this are counted, not listed.
MOST = 5


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
    found = [finding for status in statuses for finding in findings(status, doing.get(status.name), workers=workers)]
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
    waiting = f"{counted(order.waiting, 'event')} {'waits' if order.waiting == 1 else 'wait'} behind it"
    consequence = f"{waiting}, and no projection applies {'it' if order.waiting == 1 else 'them'} before it ends."
    link = Link("See who holds it", "system.index", anchor="order")
    return Verdict("warn", (Span(f"An append{age} "), holds, Span(".")), consequence=consequence, link=link)


def _waiting(statuses: Sequence[ProjectionStatus]) -> list[Verdict]:
    """What is well before the first event: this page could be read, so the database answers and its tables fit."""
    names = ", ".join(status.name for status in statuses)
    one = len(statuses) == 1
    count = f"{len(statuses)} projection{' is registered and waits' if one else 's are registered and wait'}"
    ready = Verdict("ok", (Span("The database answers and its tables are up to date."),))
    return [ready, Verdict("ok", (Span(f"{count} for the first event: {names}."),))] if statuses else [ready]


def _waits_for_review(operation: Operation) -> Verdict:
    why = str((operation.result or {}).get("why") or "Somebody has to look first.")
    fact = (Span(f": its {operation.kind} "), Span("waits for your review", strong=True), Span("."))
    link = Link("Review it", "operations.show", {"identity": operation.id})
    return Verdict("warn", fact, operation.projection, f"{why} Readers see the rows they saw before.", link)


def _good_news(
    statuses: Sequence[ProjectionStatus], caught_up: Sequence[ProjectionStatus], held: OrderReport | None
) -> list[Verdict]:
    if not caught_up:
        return []
    names = ", ".join(sorted(status.name for status in caught_up))
    if len(caught_up) == len(statuses):
        parked = "" if any(status.parked for status in statuses) else " No keys are parked."
        return [Verdict("ok", (Span(f"{_applied(caught_up, held)} by {names}.{parked}"),))]
    return [Verdict("ok", (Span(f"{names} {'is' if len(caught_up) == 1 else 'are'} caught up."),))]


def _applied(caught_up: Sequence[ProjectionStatus], held: OrderReport | None) -> str:
    """Those within one batch of the head are caught up, and yet not everything is applied."""
    end = "" if held is None else f" up to {number(held.safe_head)}"
    behind = max(status.lag_events or 0 for status in caught_up)
    return f"All events{end} but the newest {number(behind)} are applied" if behind else f"Every event{end} is applied"
