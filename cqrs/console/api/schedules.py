"""Schedules: what runs by itself, when, what it came to; changing them, and running one now."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for

from cqrs.console import json_answer, schedule_words, trail
from cqrs.console.access import needs
from cqrs.console.api import body
from cqrs.console.api.lists import format_of, send_list
from cqrs.console.current import runtime
from cqrs.console.operations import actor
from cqrs.console.parameters import Parameters
from cqrs.messages import Role
from cqrs.workers.schedule import ScheduleRun, ScheduleStatus
from cqrs.workers.timing_change import FIELDS

bp = Blueprint("api_schedules", __name__, url_prefix="/api/schedules")

COLUMNS = (
    "id", "name", "kind", "projection", "level", "reference", "words", "every_seconds", "cron", "zone", "anchor",
    "jitter_seconds", "fixed", "paused", "paused_by", "paused_at", "changed_by", "changed_at", "why_not", "missed",
    "next_due", "last_run",
)  # fmt: skip
RUNS_ANSWERED = 50


@bp.get("")
@needs(Role.VIEWER)
def index() -> Response:
    """All of them, by what is due next. `scheduler` is whether anybody fires them."""
    asked = Parameters(request.args)
    form = format_of(asked)
    asked.check()
    book = runtime().schedules
    items = [schedule_json(each) for each in book.all(runs=1)]
    return send_list("schedules", items, None, form=form, columns=COLUMNS, scheduler=book.scheduler() is not None)


@bp.get("/<key:identity>")
@needs(Role.VIEWER)
def show(identity: str) -> Response:
    """With its last runs, the newest first."""
    status = runtime().schedules.get(identity, runs=RUNS_ANSWERED)
    return json_answer.send({**schedule_json(status), "runs": [run_json(run) for run in status.runs]})


@bp.patch("/<key:identity>")
@needs(Role.OPERATOR, action="change-schedule")
def change(identity: str) -> Response:
    """Any of every_seconds, cron, zone, anchor, jitter_seconds and paused. A cron takes the place of an interval."""
    given = body.fields()
    timing = {name: given.pop(name) for name in FIELDS if name in given}
    asked = "paused" in given
    paused = given.pop("paused", None)
    reason = body.reason_in(given, paused=body.flag_problem(paused) if asked else None)
    trail.note(reason=reason, detail={**timing, **({"paused": paused} if asked else {})})
    book = runtime().schedules
    if timing:
        book.change(identity, timing, actor=actor())
    if asked:
        (book.pause if paused else book.resume)(identity, actor=actor())
    return json_answer.send(schedule_json(book.get(identity, runs=1)))


@bp.post("/<key:identity>/run")
@needs(Role.OPERATOR, action="run-schedule")
def run(identity: str) -> Response:
    """Once, besides its due times. `operation` is where to look how a check goes; a job waits for the scheduler."""
    reason = body.reason()
    started = runtime().schedules.run_now(identity, actor=actor(), reason=reason)
    trail.note(reason=reason, detail={"run": started.id, "operation": started.operation})
    told = run_json(started)
    headers = {"Location": told["operation"]} if told["operation"] else {}
    return json_answer.send({"run": told, "operation": told["operation"]}, 202, headers)


def schedule_json(status: ScheduleStatus) -> dict[str, Any]:
    schedule, timing = status.schedule, status.schedule.timing
    facts = ("id", "name", "kind", "projection", "level", "reference", "fixed", "paused_by", "paused_at")
    return {
        **{name: getattr(schedule, name) for name in facts},
        "words": schedule_words.timing(schedule),
        "every_seconds": None if timing.every is None else int(timing.every.total_seconds()),
        "cron": timing.cron,
        "zone": timing.zone,
        "anchor": None if "anchor" in schedule.unreadable else timing.anchor,
        "jitter_seconds": int(timing.jitter.total_seconds()),
        "paused": None if "paused_at" in schedule.unreadable else schedule.paused_at is not None,
        "changed_by": schedule.changed_by,
        "changed_at": schedule.changed_at,
        "why_not": status.why_not,
        "missed": status.missed,
        "next_due": list(status.due),
        "last_run": None if status.last is None else run_json(status.last),
    }


def run_json(run: ScheduleRun) -> dict[str, Any]:
    """`outcome` is a few words; of a check, `verdict` and the counts are those of its check as they are now."""
    facts = ("id", "due_at", "asked_by", "requested_at", "started_at", "finished_at", "state", "verdict", "checked")
    return {
        **{name: getattr(run, name) for name in facts},
        "differing": run.differing,
        "outcome": run.outcome or schedule_words.word(run),
        "error": run.error,
        "operation": None if run.operation is None else url_for("api_operations.show", identity=run.operation),
        "check": None if run.check is None else url_for("api_checks.show", identity=run.check),
    }
