"""The audit row of a request, written at one place after its view: what was done, refused and failed alike.

A view only adds what the request does not say by itself: `note(target=…, reason=…, detail=…)`.
"""

from __future__ import annotations

import logging
from typing import Any, TypedDict, Unpack

from flask import Response, g, request

from cqrs.console import access, current, proxies

log = logging.getLogger(__name__)

#: Whoever has not signed in; nobody can be given this name.
NOBODY = "anonymous"


class Note(TypedDict, total=False):
    action: str
    target: str
    reason: str | None
    #: JSON, and nothing secret.
    detail: dict[str, Any]


def note(**facts: Unpack[Note]) -> None:
    """An `action` makes a row of a request that would leave none."""
    g.setdefault("audit_note", {}).update(facts)


def forget() -> None:
    """Leave no row: nothing was to be done, as with a dry run."""
    g.audit_note = None


def leave_row(response: Response) -> Response:
    """Visitors leave no rows but for signing in, which is throttled: they could fill the disk."""
    noted: Note | None = g.get("audit_note", {})
    action = _action(noted) if noted is not None else None
    if noted is not None and action is not None:
        try:
            _record(noted, action, response.status_code)
        except Exception:
            # The deed is done: to answer that it failed would be wrong as well.
            log.exception("The audit row for %s is missing", action)
    return response


def _action(noted: Note) -> str | None:
    declared = access.requested()
    if "action" in noted:
        return noted["action"]
    if declared is None or request.method in access.SAFE_METHODS or current.principal() is None:
        return None
    return declared.action


def _record(noted: Note, action: str, status: int) -> None:
    who = current.principal()
    current.runtime().audit.record(
        actor=who.name if who else NOBODY,
        role=who.role.value if who else "",
        address=proxies.client_address(),
        action=action,
        target=noted.get("target") or _target(),
        reason=noted.get("reason"),
        outcome=outcome_of(status),
        detail=noted.get("detail"),
    )


def _target() -> str:
    """What the address names, such as a projection; of a domain's own route the whole address."""
    named = [str(value) for value in (request.view_args or {}).values()]
    if request.blueprint in current.console().domain_blueprints or not named:
        return f"{request.method} {request.path}"
    return " ".join(named)


def outcome_of(status: int) -> str:
    if status < 400:
        return "done"
    return "refused" if status < 500 else "failed"
