"""Drift: all projections and their checks, one check and the rows it found, asking for checks and repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, redirect, request, url_for

from cqrs.console import current, navigation, toasts, trail
from cqrs.console.access import needs
from cqrs.console.check_page import check_page
from cqrs.console.drift_page import drift_page
from cqrs.console.links import with_query
from cqrs.console.operations import PACE, actor
from cqrs.console.parameters import Parameters
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.console.repair_page import repair_page, ticked
from cqrs.console.replays import known, reason_given
from cqrs.errors import NotFound
from cqrs.messages import Role

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from cqrs.workers.operation import Operation

bp = Blueprint("drift", __name__)


@bp.get("/drift")
@needs(Role.VIEWER)
def index() -> Response:
    page = drift_page()
    pace = PACE if page.running else None
    return render("drift/index.html", tag=navigation.tag(), follow=True, pace=pace, page=page)


@bp.get("/drift/checks/<key:identity>")
@needs(Role.VIEWER)
def check(identity: str) -> AnyResponse:
    """Also by the operation that carries it out, from the moment it is asked for."""
    checks = current.runtime().checks
    begun = checks.of_operation(identity)
    if begun is not None:
        return redirect(url_for("drift.check", identity=begun.id))
    try:
        found = checks.get(identity)
    except NotFound:
        return _waiting(identity)
    page = check_page(found)
    running = found.verdict is None
    pace = PACE if running else None
    tag = None if running else navigation.tag()
    return render("drift/check.html", tag=tag, follow=running, pace=pace, page=page)


@bp.post("/projections/<name>/checks")
@needs(Role.OPERATOR, action="check")
def start(name: str) -> Response:
    """Raises InvalidMessage, NotKeyed."""
    asked = Parameters(request.form)
    level, _, reference = (asked.text("way") or "full/log").partition("/")
    asked.check()
    reason = reason_given()
    trail.note(target=known(name), reason=reason)
    begun = current.runtime().start_check(name, actor=actor(), level=level, reference=reference, reason=reason)
    return see_other(url_for("drift.check", identity=begun.id))


@bp.post("/drift/checks/<key:identity>/repair")
@needs(Role.OPERATOR, action="repair")
def repair(identity: str) -> Response:
    """Of the rows that were ticked, or of all that are not put right yet. Raises OperationInTheWay, RepairRefused."""
    found = current.runtime().checks.get(identity)
    trail.note(target=known(found.projection), reason=reason_given())
    if "all" in request.form:
        begun = current.runtime().start_repair(found.projection, actor=actor(), check=identity, reason=reason_given())
        return _to(begun)
    keys = current.runtime().checks.keys_of(identity, ticked(request.form))
    if not keys:
        toast = toasts.Toast("No row was selected, so nothing was repaired.", state="warn")
        return toasts.leave(see_other(url_for("drift.check", identity=identity) + "#rows"), toast)
    begun = current.runtime().start_repair(found.projection, actor=actor(), keys=keys, reason=reason_given())
    return _to(begun)


@bp.get("/drift/checks/<key:identity>/repair")
@needs(Role.VIEWER)
def preview(identity: str) -> Response:
    """What a repair would write, of the findings with the numbers `n`, or of all. Raises RepairRefused."""
    page = repair_page(current.runtime().checks.get(identity))
    return render("drift/repair.html", follow=False, page=page)


@bp.post("/drift/checks/<key:identity>/preview")
@needs(Role.OPERATOR)
def look(identity: str) -> Response:
    """From the boxes that are ticked to the address of their preview."""
    address = url_for("drift.preview", identity=current.runtime().checks.get(identity).id)
    return see_other(with_query(address, {"n": [str(n) for n in ticked(request.form)]}))


@bp.post("/drift/checks/<key:identity>/replay")
@needs(Role.OPERATOR, action="replay")
def replay(identity: str) -> Response:
    """Of the whole read model; that the rows found here come out otherwise surprises nobody then."""
    found = current.runtime().checks.get(identity)
    reason = reason_given()
    trail.note(target=known(found.projection), reason=reason)
    keys = current.runtime().checks.keys_of(identity)
    return _to(current.runtime().start_replay(found.projection, actor=actor(), reason=reason, known=keys))


def _waiting(identity: str) -> Response:
    """A check that no worker has begun yet. Raises NotFound."""
    found = current.runtime().operations.get(identity)
    if found.kind != "check":
        raise NotFound(what="check", name=identity[:64])
    workers = len(current.runtime().workers.alive())
    return render("drift/waiting.html", follow=True, pace=PACE, operation=found, workers=workers)


def _to(operation: Operation) -> Response:
    return see_other(url_for("operations.show", identity=operation.id))
