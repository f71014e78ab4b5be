"""Where a projection stopped, setting the key aside or passing over the event, and what was passed over before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, navigation, toasts, trail
from cqrs.console.access import can, needs
from cqrs.console.estimates import Estimate, estimate
from cqrs.console.filters import number
from cqrs.console.links import with_query
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.console.replays import known, reason_given
from cqrs.console.stop import Stop, stop_of
from cqrs.errors import InvalidMessage, NoKeyToSetAside, NotStopped, ParkingRefused
from cqrs.messages import Role
from cqrs.projections.ahead import Ahead
from cqrs.projections.skipped import Skipped
from cqrs.projections.status import ProjectionStatus
from cqrs.workers.operation import Operation

if TYPE_CHECKING:
    from cqrs.runtime import Runtime

bp = Blueprint("failures", __name__)

#: With more events of a key than this it is not told how many wait, and as of which one its row is.
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Parking:
    """What setting the key aside would mean."""

    key: str
    #: The last event before the failed one that was applied to the row of the key; None when there is none.
    as_of: int | None
    #: Events of the key behind the failed one; None, as `as_of`, where there are too many to look at.
    later: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePage:
    status: ProjectionStatus
    stop: Stop | None
    #: None where nothing can be set aside.
    parking: Parking | None
    #: What fails behind the event as well; None where that is not known.
    ahead: Ahead | None
    estimate: Estimate
    operation: Operation | None
    skipped: Sequence[Skipped]
    first: str | None
    more: str | None
    #: Of a skip that was refused, with the reason that was given.
    errors: Sequence[str]


@bp.get("/projections/<name>/failures")
@needs(Role.VIEWER)
def index(name: str) -> Response:
    return _show(known(name))


@bp.post("/projections/<name>/failures/<position:position>/park")
@needs(Role.OPERATOR, action="park")
def park(name: str, position: int) -> Response:
    """Raises NotStopped, NoKeyToSetAside."""
    reason = reason_given()
    trail.note(target=f"{known(name)}, event {position}", reason=reason)
    parked = current.runtime().projections.park_failing(name, position, actor=actor(), reason=reason)
    trail.note(target=f"{name} {parked.key}")
    toast = toasts.Toast(
        f"The key is parked; {name} goes on with all others.", _parked(name, parked.key), "See what waits"
    )
    return toasts.leave(see_other(url_for("projections.show", name=name)), toast)


@bp.post("/projections/<name>/failures/<position:position>/park-ahead")
@needs(Role.OPERATOR, action="park")
def park_ahead(name: str, position: int) -> Response:
    """Raises NotStopped, NoKeyToSetAside, ParkingRefused."""
    reason, keys = reason_given(), request.form.getlist("key")
    trail.note(target=f"what fails of {known(name)} from event {position} on", reason=reason)
    asked = Parameters(request.form)
    until = asked.whole("until") or 0
    asked.check()
    done = current.runtime().projections.park_ahead(
        name, position, until=until, keys=keys, actor=actor(), reason=reason
    )
    trail.note(target=parked_words(name, done), detail={"keys": keys})
    toast = toasts.Toast(
        f"{number(len(keys))} keys are parked; {name} goes on with all others.",
        url_for("parked.index", name=name),
        "See what waits",
    )
    return toasts.leave(see_other(url_for("projections.show", name=name)), toast)


@bp.post("/projections/<name>/failures/<position:position>/skip")
@needs(Role.OPERATOR, action="skip")
def skip(name: str, position: int) -> Response:
    """Raises NotStopped, NoKeyToSetAside. Without a reason the page comes back and asks for one."""
    reason = reason_given()
    trail.note(target=f"{known(name)}, event {position}", reason=reason)
    try:
        key = current.runtime().projections.skip_failing(name, position, reason=reason or "", actor=actor())
    except InvalidMessage as invalid:
        trail.note(reason=str(invalid))
        return _show(name, errors=invalid.errors.get("reason", [str(invalid)]), status=422)
    trail.note(target=f"{name} {key}")
    toast = toasts.Toast(f"Event {number(position)} is skipped for one key; {name} goes on behind it.")
    return toasts.leave(see_other(url_for("projections.show", name=name)), toast)


def look_ahead(status: ProjectionStatus) -> tuple[Ahead | None, str | None]:
    """What fails at and behind the event where it stands; else why that is not known."""
    if status.failure is None:
        return None, "It stands at no event."
    try:
        return current.runtime().projections.ahead(status.name, status.failure.position), None
    except (ParkingRefused, NoKeyToSetAside, NotStopped) as why:
        return None, str(why)


def parked_words(name: str, done: Ahead) -> str:
    keys = "1 key" if len(done.keys) == 1 else f"{number(len(done.keys))} keys"
    return f"{keys} of {name}, up to event {number(done.until)}"


def _parked(name: str, key: str) -> str:
    return with_query(url_for("parked.index", name=name), {"key": key}) + "#opened"


def _show(name: str, *, errors: Sequence[str] = (), status: int = 200) -> Response:
    asked = Parameters(request.args)
    cursor = asked.text("cursor")
    asked.check()
    runtime = current.runtime()
    found = runtime.projections.skipped(name, cursor=cursor)
    projection = next(each for each in navigation.statuses() if each.name == name)
    address = url_for("failures.index", name=name)
    page = FailurePage(
        status=projection,
        stop=stop_of(projection),
        parking=_parking(runtime, projection),
        ahead=look_ahead(projection)[0] if can("park") else None,
        estimate=estimate(name, projection.generation),
        operation=navigation.operation_on(name),
        skipped=found.items,
        first=address if cursor else None,
        more=with_query(address, {"cursor": found.next}) if found.next else None,
        errors=errors,
    )
    follow = status == 200 and page.parking is None  # what is being typed stays
    return render("projections/failures.html", status, tag=navigation.tag(), follow=follow, page=page)


def _parking(runtime: Runtime, status: ProjectionStatus) -> Parking | None:
    failure = status.failure
    if failure is None or failure.key is None:
        return None
    head = runtime.events.safe_head()
    if runtime.keys.have_more_than(MOST_COUNTED, status.name, [failure.key], until=head):
        return Parking(failure.key, None, None)
    positions = runtime.keys.positions_of(status.name, failure.key, until=head)
    before = [each for each in positions if each < failure.position]
    return Parking(failure.key, before[-1] if before else None, sum(each > failure.position for each in positions))
