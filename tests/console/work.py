"""Operations in any condition, and a worker's hands for one of them, so that tests need no threads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cqrs.runtime import Runtime
from cqrs.workers.operation import Operation, OperationState, Phase
from cqrs.workers.operation_runner import OperationRunner

MOMENT = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)


def carry_out(runtime: Runtime) -> Operation:
    """All that is asked for, here; the newest operation afterwards."""
    runner = OperationRunner(runtime.operations, runtime.operation_handlers, "worker-1")
    while runner.step():
        pass
    return runtime.operations.page(limit=1)[0]


def phase(name: str, start: int, end: int | None = None, **facts: Any) -> Phase:
    """Times are seconds after `MOMENT`."""
    finished = None if end is None else MOMENT + timedelta(seconds=end)
    return Phase(name=name, started_at=MOMENT + timedelta(seconds=start), finished_at=finished, **facts)


def operation(state: str = "running", **facts: Any) -> Operation:
    usual: dict[str, Any] = {
        "id": "01a2063f-7e44-7d04-862e-e3d2b6275eaa",
        "kind": "replay",
        "projection": "accounts",
        "parameters": {"review": False, "throttle": None},
        "actor": "ana",
        "reason": None,
        "requested_at": MOMENT,
        "started_at": None if state == "requested" else MOMENT,
        "finished_at": MOMENT + timedelta(seconds=96) if OperationState(state).finished else None,
        "phases": [],
        "done": None,
        "total": None,
        "rate": None,
        "errors": [],
        "error_count": 0,
        "result": None,
        "owner": "worker-1",
        "attempts": 1,
        "silent_seconds": 0.5,
        "cancelled_by": None,
        "approved_by": None,
    }
    return Operation(state=OperationState(state), **{**usual, **facts})
