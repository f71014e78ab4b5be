"""What happened to a projection, for the chart of its lag: when it failed, was paused, and was given other rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cqrs.console.position_chart import Happening
from cqrs.projections.status import ProjectionStatus
from cqrs.workers.operation import Operation, OperationState

#: By kind of operation: what its end is called.
ENDS = {"replay": "swapped to generation {}", "rollback": "rolled back to generation {}"}


def happenings(status: ProjectionStatus, operations: Sequence[Operation]) -> list[Happening]:
    return [*_halts(status), *_swaps(operations)]


def _halts(status: ProjectionStatus) -> Iterator[Happening]:
    if status.failure is not None:
        yield Happening("failed", status.failure.at, "failed")
    if status.paused_at is not None:
        yield Happening("paused", status.paused_at, "paused")


def _swaps(operations: Sequence[Operation]) -> Iterator[Happening]:
    for each in operations:
        generation = (each.result or {}).get("generation")
        if each.state is OperationState.SUCCEEDED and each.kind in ENDS and each.finished_at and generation:
            yield Happening(ENDS[each.kind].format(generation), each.finished_at, "replaying")
