"""Replays and roll backs: started with one click, or after a look at what they would mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, trail
from cqrs.console.access import needs
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.errors import NotFound, PreflightChanged
from cqrs.messages import Role
from cqrs.projections.preflight import Preflight
from cqrs.workers.operation import Operation

bp = Blueprint("replays", __name__)

LONGEST_REASON = 500
#: By choice: how long to rest for each second of work.
SPEEDS: Mapping[str, float | None] = {"full": None, "half": 1.0, "quarter": 3.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPage:
    preflight: Preflight
    #: What the form held: shown again when what it was based on has changed.
    reason: str
    review: bool
    speed: str
    changed: bool
    holder: Operation | None
    workers: int
    #: At each speed.
    seconds: Mapping[str, float | None]


@bp.get("/projections/<name>/replay")
@needs(Role.VIEWER)
def preflight(name: str) -> Response:
    return render("projections/replay.html", follow=False, page=_page(known(name)))


@bp.post("/projections/<name>/replay")
@needs(Role.OPERATOR, action="replay")
def start(name: str) -> Response:
    """Without a digest it starts as things are. Raises OperationInTheWay, TooLittleSpace, InvalidMessage."""
    given = _form()
    trail.note(target=known(name), reason=given["reason"])
    digest = request.form.get("digest") or None
    try:
        started = current.runtime().start_replay(name, actor=actor(), digest=digest, **given)
    except PreflightChanged as changed:
        trail.note(reason=str(changed))
        return render("projections/replay.html", 409, follow=False, page=_page(name, changed=True))
    return _to(started)


@bp.post("/projections/<name>/rollback")
@needs(Role.OPERATOR, action="rollback")
def roll_back(name: str) -> Response:
    """Raises OperationInTheWay, NothingToRollBack, RollBackRefused; InvalidMessage where a reason is needed."""
    reason = reason_given()
    trail.note(target=known(name), reason=reason)
    return _to(current.runtime().start_rollback(name, actor=actor(), reason=reason))


def known(name: str) -> str:
    """Raises NotFound: names come from the address."""
    if name not in current.runtime().projections.names():
        raise NotFound(what="projection", name=name)
    return name


def _form() -> dict[str, Any]:
    """Raises InvalidMessage."""
    asked = Parameters(request.form)
    review = asked.flag("review")
    speed = asked.choice("speed", tuple(SPEEDS), "full")
    asked.check()
    return {"reason": reason_given(), "review": review, "throttle": SPEEDS[speed]}


def reason_given() -> str | None:
    """Of the form. Raises InvalidMessage."""
    asked = Parameters(request.form)
    found = asked.text("reason")
    asked.check()
    return (found or "").strip()[:LONGEST_REASON] or None


def _page(name: str, *, changed: bool = False) -> ReplayPage:
    runtime = current.runtime()
    found = runtime.projections.preflight(name)
    form = request.form if changed else request.args
    full = found.seconds
    return ReplayPage(
        preflight=found,
        reason=form.get("reason", "")[:LONGEST_REASON],
        review=form.get("review") == "1",
        speed=form.get("speed", "full"),
        changed=changed,
        holder=runtime.operations.holder(name),
        workers=len(runtime.workers.alive()),
        seconds={speed: None if full is None else full * (1 + (rest or 0)) for speed, rest in SPEEDS.items()},
    )


def _to(operation: Operation) -> Response:
    """To the page that shows how it goes."""
    return see_other(url_for("operations.show", identity=operation.id))
