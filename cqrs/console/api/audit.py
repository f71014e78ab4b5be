"""The audit log."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, Response, request

from cqrs.console.access import needs
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.parameters import Parameters
from cqrs.messages import Role

bp = Blueprint("api_audit", __name__, url_prefix="/api/audit")

COLUMNS = ("id", "at", "actor", "role", "address", "action", "target", "reason", "outcome", "detail")


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """Newest first; `before`, as the page has it, starts like a cursor."""
    asked = Parameters(request.args)
    form, limit = format_of(asked), asked.limit()
    before = asked.whole("cursor", lowest=1) or asked.whole("before", lowest=1)
    actor, action, target = asked.text("actor"), asked.text("action"), asked.text("target")
    asked.check()
    page = runtime().audit.page(before=before, limit=limit, actor=actor, action=action, target=target)
    cursor = None if page.next is None else str(page.next)
    return send_list("entries", [asdict(item) for item in page.items], cursor, form=form, columns=COLUMNS)
