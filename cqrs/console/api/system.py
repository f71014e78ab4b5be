"""The installation itself, as the page of the system shows it; and ending an append that holds the order of the log."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, Response

from cqrs.console import json_answer, trail
from cqrs.console.access import needs
from cqrs.console.api import body
from cqrs.console.current import runtime
from cqrs.console.system import ended_json
from cqrs.messages import Role
from cqrs.projections.status import ProjectionStatus
from cqrs.system_report import log_document, system_report

bp = Blueprint("api_system", __name__, url_prefix="/api/system")

LEASE_COLUMNS = ("name", "generation", "state", "owner", "token", "heartbeat_seconds")


@bp.get("")
@needs(Role.VIEWER)
def show() -> Response:
    """Workers, leases, the order of the log, databases and settings; what cannot be read now is null."""
    report = system_report(runtime())
    return json_answer.send({
        "log": log_document(report.log),
        "workers": [{**dataclasses.asdict(each), "silent": each.silent} for each in report.workers],
        "scheduler": None if report.scheduler is None else dataclasses.asdict(report.scheduler),
        "projections": None if report.projections is None else [_lease(each) for each in report.projections],
        "error": report.error,
        "databases": [dataclasses.asdict(each) for each in report.databases],
        "settings": {each.name: {"value": each.value, "source": each.source} for each in report.settings},
        "versions": report.versions,
    })  # fmt: skip


@bp.post("/end-append")
@needs(Role.OPERATOR, action="end-append")
def end_append() -> Response:
    """Ends the transaction that holds the order of the log, if it still does; what it did is rolled back."""
    given = body.fields()
    transaction = given.pop("transaction", None)
    reason = body.reason_in(given, transaction=None if isinstance(transaction, str) else "Give the transaction.")
    trail.note(target=str(transaction), reason=reason)
    ended = ended_json(runtime().events.end_holder(str(transaction)))
    trail.note(detail=ended)
    return json_answer.send({"ended": ended})


def _lease(status: ProjectionStatus) -> dict[str, Any]:
    return {name: getattr(status, name) for name in LEASE_COLUMNS}
