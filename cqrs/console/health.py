"""For load balancers and probes: whether the process lives, and whether it can do its work."""

from __future__ import annotations

from flask import Blueprint, Response

from cqrs.console import current, json_answer, proxies
from cqrs.console.access import public
from cqrs.console.browser_sessions import identify
from cqrs.errors import NotSignedIn

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> Response:
    """Asks nothing of the database: a dead database is no reason to restart this process."""
    return json_answer.send({"status": "ok"})


@bp.get("/readyz")
@public
def readyz() -> Response:
    """Open to this machine; from elsewhere it needs a token, for the reasons tell about the inside."""
    if not proxies.is_on_this_machine():
        identify()
        if current.principal() is None:
            raise NotSignedIn()
    found = current.runtime().ready()
    return json_answer.send({"ready": found.ok, "reasons": list(found.reasons)}, 200 if found.ok else 503)
