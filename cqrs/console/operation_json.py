"""An operation as programs get it."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from cqrs.console import json_answer
from cqrs.console.operation_rows import masked_result
from cqrs.workers.operation import Operation

COLUMNS = (
    "id", "kind", "projection", "state", "phase", "done", "total", "rate", "eta_seconds", "errors", "result",
    "error_count", "reason", "actor", "requested_at", "started_at", "finished_at", "cancelled_by", "approved_by",
    "attempts",
)  # fmt: skip
PHASE_COLUMNS = ("name", "started_at", "finished_at", "done", "total", "note")
LOG_COLUMNS = ("at", "level", "text")


def operation_json(operation: Operation) -> dict[str, Any]:
    found = {name: getattr(operation, name) for name in COLUMNS}
    phases = [{name: getattr(phase, name) for name in PHASE_COLUMNS} for phase in operation.phases]
    return {**found, "result": masked_result(operation.result), "phases": phases}


def address_of(operation: Operation) -> str:
    return url_for("api_operations.show", identity=operation.id)


def accepted(operation: Operation) -> Response:
    """202: it is asked for, and this is where to look how it goes."""
    address = address_of(operation)
    return json_answer.send({"operation": address}, 202, {"Location": address})
