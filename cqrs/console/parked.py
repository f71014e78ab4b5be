"""Parked keys: why each was set aside, what waits behind it, and trying again or passing over what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, navigation, toasts, trail
from cqrs.console.access import needs
from cqrs.console.event_rows import EventRow, event_rows
from cqrs.console.filters import number
from cqrs.console.links import with_query
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.console.replays import known
from cqrs.errors import InvalidMessage
from cqrs.messages import Role
from cqrs.projections.parked import ParkedKey
from cqrs.projections.release import Released
from cqrs.projections.status import ProjectionStatus

if TYPE_CHECKING:
    from cqrs.runtime import Runtime

bp = Blueprint("parked", __name__)

LONGEST_REASON = 500
#: Events shown that wait for one key.
WAITING_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Opened:
    """One key with the events that wait for it, in order, as far as they are shown."""

    parked: ParkedKey
    waiting: Sequence[EventRow]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedList:
    status: ProjectionStatus
    keys: Sequence[ParkedKey]
    opened: Opened | None
    first: str | None
    more: str | None
    #: Of a skip that was refused.
    errors: Sequence[str]


@bp.get("/projections/<name>/parked")
@needs(Role.VIEWER)
def index(name: str) -> Response:
    return _show(known(name))


@bp.post("/projections/<name>/parked/retry")
@needs(Role.OPERATOR, action="retry")
def retry_all(name: str) -> Response:
    trail.note(target=f"all parked keys of {known(name)}")
    return _told(name, current.runtime().projections.retry_parked(name))


@bp.post("/projections/<name>/parked/<key:key>/retry")
@needs(Role.OPERATOR, action="retry")
def retry(name: str, key: str) -> Response:
    """Raises KeyNotParked."""
    trail.note(target=f"{known(name)} {key}")
    return _told(name, current.runtime().projections.retry_parked(name, key))


@bp.post("/projections/<name>/parked/<key:key>/skip")
@needs(Role.OPERATOR, action="skip")
def skip(name: str, key: str) -> Response:
    """Raises KeyNotParked. Without a reason the page comes back and asks for one."""
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
    trail.note(target=f"{known(name)} {key}", reason=reason or None)
    try:
        released = current.runtime().projections.skip_parked(name, key, reason=reason, actor=actor())
    except InvalidMessage as invalid:
        trail.note(reason=str(invalid))
        return _show(name, key=key, errors=invalid.errors.get("reason", [str(invalid)]), status=422)
    return _told(name, released)


def released_words(released: Released) -> str:
    """Such as "2 keys are up to date. 1 failed again: ValueError: …"."""
    count = len(released.keys)
    words = f"{number(count)} key{' is' if count == 1 else 's are'} up to date." if count else ""
    if released.failed:
        first = (released.failed[0].error.splitlines() or [""])[0]
        words += f" {number(len(released.failed))} failed again, the first with {first}."
    return words.strip() or "No key is parked."


def _told(name: str, released: Released) -> Response:
    toast = toasts.Toast(released_words(released), state="bad" if released.failed else "ok")
    return toasts.leave(see_other(url_for("parked.index", name=name)), toast)


def _show(name: str, *, key: str | None = None, errors: Sequence[str] = (), status: int = 200) -> Response:
    asked = Parameters(request.args)
    cursor, chosen = asked.text("cursor"), key or asked.text("key")
    asked.check()
    runtime = current.runtime()
    found = runtime.projections.parked(name, cursor=cursor)
    address = url_for("parked.index", name=name)
    page = ParkedList(
        status=next(each for each in navigation.statuses() if each.name == name),
        keys=found.items,
        opened=_open(runtime, name, found.items, chosen),
        first=address if cursor else None,
        more=with_query(address, {"cursor": found.next}) if found.next else None,
        errors=errors,
    )
    follow = status == 200 and chosen is None
    return render("projections/parked.html", status, tag=navigation.tag(), follow=follow, page=page)


def _open(runtime: Runtime, name: str, keys: Sequence[ParkedKey], chosen: str | None) -> Opened | None:
    """Of the keys on this page: the one that was asked for."""
    parked = next((each for each in keys if each.key == chosen), None)
    if parked is None:
        return None
    positions = [each for each in runtime.keys.positions_of(name, parked.key) if each >= parked.position]
    events = [runtime.events.get(position) for position in positions[:WAITING_SHOWN]]
    rows = event_rows(each for each in events if each is not None)
    return Opened(parked, rows, max(0, len(positions) - len(rows)))
