"""Schedules: what runs by itself, when, and what it came to; changing, pausing and running one now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, navigation, schedule_words, toasts, trail
from cqrs.console.access import needs
from cqrs.console.links import tidied, with_query
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.console.redirects import safe_next, see_other
from cqrs.console.rendering import render
from cqrs.console.schedule_form import SHOWN_AT, UNITS, change_in, posted, values_of
from cqrs.console.schedule_words import RunRow
from cqrs.errors import InvalidMessage, ScheduleChanged
from cqrs.messages import Role
from cqrs.workers.schedule import Schedule, ScheduleStatus
from cqrs.workers.timing_words import timing_words

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

bp = Blueprint("schedules", __name__)

#: How often a page asks again, in ms: a run that was asked for is seen to begin and to end.
PACE = 2_000
RUNS_SHOWN = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    status: ScheduleStatus
    work: str
    timing: str
    jitter: str | None
    last: RunRow | None
    #: The oldest first.
    history: Sequence[RunRow]

    @property
    def schedule(self) -> Schedule:
        return self.status.schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleList:
    headline: str
    rows: Sequence[ScheduleRow]
    fixed: Sequence[ScheduleRow]
    #: Whether anybody fires schedules.
    alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the form would come to, before it is saved."""

    timing: str
    due: Sequence[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePage:
    row: ScheduleRow
    alive: bool
    runs: Sequence[RunRow]
    newest: str | None
    older: str | None
    values: Mapping[str, str]
    errors: Mapping[str, Sequence[str]]
    units: Sequence[str]
    proposal: Proposal | None
    #: What somebody else saved since the form was opened.
    conflict: str | None
    #: The mark of the timing the form began from.
    seen: str


@bp.get("/schedules")
@needs(Role.VIEWER)
def index() -> Response:
    book = current.runtime().schedules
    statuses = book.all()
    rows = [_row(each) for each in statuses]
    alive = book.scheduler() is not None
    page = ScheduleList(
        headline=schedule_words.headline(statuses, alive=alive),
        rows=[row for row in rows if not row.schedule.fixed],
        fixed=[row for row in rows if row.schedule.fixed],
        alive=alive,
    )
    tag = navigation.short_hash((navigation.tag(), page))
    return render("schedules/index.html", tag=tag, follow=True, pace=PACE, page=page)


@bp.get("/schedules/<key:identity>")
@needs(Role.VIEWER)
def show(identity: str) -> AnyResponse:
    tidy = tidied()
    if tidy is not None:
        return tidy
    asked = Parameters(request.args)
    before = asked.text("before")
    asked.check()
    return render("schedules/show.html", follow=False, page=_page(identity, before=before))


@bp.post("/schedules/<key:identity>")
@needs(Role.OPERATOR, action="change-schedule")
def change(identity: str) -> Response:
    """With `preview` nothing is changed. What is wrong is shown at its field. Raises NotFound, ScheduleFixed."""
    book, values = current.runtime().schedules, posted(request.form)
    given = change_in(values)
    try:
        if request.form.get("preview"):
            timing, due = book.proposed(identity, given)
            trail.forget()
            proposal = Proposal(timing=timing_words(timing), due=due)
            return render("schedules/show.html", follow=False, page=_page(identity, values=values, proposal=proposal))
        before = schedule_words.timing(book.get(identity, runs=1).schedule)
        after = book.change(identity, given, actor=actor(), seen=request.form.get("seen"))
    except ScheduleChanged as conflict:
        trail.note(reason=str(conflict))
        page = _page(identity, values=values, conflict=str(conflict))
        return render("schedules/show.html", 409, follow=False, page=page)
    except InvalidMessage as wrong:
        trail.note(reason=str(wrong))
        errors = {SHOWN_AT.get(name, name): sentences for name, sentences in wrong.errors.items()}
        return render("schedules/show.html", 422, follow=False, page=_page(identity, values=values, errors=errors))
    trail.note(detail={"before": before, "after": schedule_words.timing(after.schedule), "given": given})
    toast = toasts.Toast(f"{after.schedule.name} now runs {schedule_words.timing(after.schedule)}.")
    return toasts.leave(see_other(url_for("schedules.show", identity=identity)), toast)


@bp.post("/schedules/<key:identity>/pause")
@needs(Role.OPERATOR, action="pause-schedule")
def pause(identity: str) -> Response:
    name = current.runtime().schedules.pause(identity, actor=actor()).schedule.name
    way_back = url_for("schedules.resume", identity=identity)
    return _back(identity, toasts.Toast(f"{name} is paused.", link="Resume", action=way_back))


@bp.post("/schedules/<key:identity>/resume")
@needs(Role.OPERATOR, action="resume-schedule")
def resume(identity: str) -> Response:
    name = current.runtime().schedules.resume(identity, actor=actor()).schedule.name
    way_back = url_for("schedules.pause", identity=identity)
    return _back(
        identity, toasts.Toast(f"{name} runs again, from its next due time on.", link="Pause", action=way_back)
    )


@bp.post("/schedules/<key:identity>/run")
@needs(Role.OPERATOR, action="run-schedule")
def run(identity: str) -> Response:
    """Raises NotFound, ScheduleFixed, ScheduleStands, OperationInTheWay."""
    book = current.runtime().schedules
    started = book.run_now(identity, actor=actor())
    trail.note(detail={"run": started.id, "operation": started.operation})
    name = book.get(identity, runs=1).schedule.name
    if started.operation is None:
        return _back(identity, toasts.Toast(f"{name} was asked for. Its due times stay as they are."))
    seen = url_for("operations.show", identity=started.operation)
    return _back(
        identity, toasts.Toast(f"{name} was asked for. Its due times stay as they are.", seen, "See how it goes")
    )


def _back(identity: str, toast: toasts.Toast) -> Response:
    came_from = request.form.get("next")
    shown = url_for("schedules.show", identity=identity)
    return toasts.leave(see_other(safe_next(came_from) if came_from else shown), toast)


def _row(status: ScheduleStatus) -> ScheduleRow:
    rows = schedule_words.run_rows(status.runs)
    return ScheduleRow(
        status=status,
        work=schedule_words.work(status.schedule),
        timing=schedule_words.timing(status.schedule),
        jitter=schedule_words.jitter(status.schedule),
        last=rows[0] if rows else None,
        history=list(reversed(rows)),
    )


def _page(
    identity: str,
    *,
    before: str | None = None,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, Sequence[str]] | None = None,
    proposal: Proposal | None = None,
    conflict: str | None = None,
) -> SchedulePage:
    """A form that comes back with what is wrong in it began where it began; after a conflict from what is there."""
    book = current.runtime().schedules
    row = _row(book.get(identity))
    found = book.runs(identity, before=before, limit=RUNS_SHOWN + 1)
    shown, address = found[:RUNS_SHOWN], url_for("schedules.show", identity=identity)
    return SchedulePage(
        row=row,
        alive=book.scheduler() is not None,
        runs=schedule_words.run_rows(shown),
        newest=address if before else None,
        older=with_query(address, {"before": shown[-1].id}) if len(found) > len(shown) else None,
        values=values or values_of(row.schedule.timing),
        errors=errors or {},
        units=tuple(UNITS),
        proposal=proposal,
        conflict=conflict,
        seen=(None if conflict else request.form.get("seen")) or row.schedule.timing.mark,
    )
