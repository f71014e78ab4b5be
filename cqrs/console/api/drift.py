"""All read models as the page of drift shows them: what is known of each, how much was looked at, what is due."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from cqrs.console.access import needs
from cqrs.console.api.checks import coverage_json
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.api.projections import last_check_json
from cqrs.console.current import runtime
from cqrs.console.parameters import Parameters
from cqrs.messages import Role
from cqrs.projections.status import ProjectionStatus

bp = Blueprint("api_drift", __name__, url_prefix="/api/drift")

COLUMNS = ("projection", "generation", "verdict", "standing", "last_check", "coverage", "next_due", "next_schedule")


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """Of each projection the last check, its verdict, the rows known to differ now, what checks have looked at, and
    the next check that begins by itself; the most drifted first. The checks themselves are at /api/checks."""
    asked = Parameters(request.args)
    form = format_of(asked)
    asked.check()
    statuses = sorted(runtime().projections.statuses(), key=lambda each: (-each.drift.standing, each.name))
    return send_list("drift", [_json(each) for each in statuses], None, form=form, columns=COLUMNS)


def _json(status: ProjectionStatus) -> dict[str, Any]:
    due = runtime().schedules.next_due(status.name)
    return {
        "projection": status.name,
        "generation": status.generation,
        "verdict": status.last_check.verdict if status.last_check else None,
        "standing": status.drift.standing,
        "last_check": last_check_json(status.drift),
        "coverage": coverage_json(runtime().coverage(status.name)),
        "next_due": due.due_at if due else None,
        "next_schedule": due.schedule.id if due else None,
    }
