"""How fast a projection was replayed the last time: the best guess for the next one."""

from __future__ import annotations

from cqrs.workers.operation import OperationState
from cqrs.workers.operations import Operations


def replay_speed(operations: Operations, projection: str) -> float | None:
    """Events a second; None when it was never replayed, or too quickly to tell."""
    page = operations.page(kind="replay", state=OperationState.SUCCEEDED, projection=projection, limit=1)
    for phase in page[0].phases if page else ():
        if phase.name == "build" and phase.finished_at is not None:
            seconds = (phase.finished_at - phase.started_at).total_seconds()
            return phase.done / seconds if seconds > 0 and phase.done else None
    return None
