"""Schedules from a shell: what runs by itself, pausing, resuming, and running one now."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from cqrs.cli_access import ready_runtime
from cqrs.cli_output import deed, show, show_table, tell
from cqrs.workers.schedule import ScheduleStatus
from cqrs.workers.timing_words import timing_words

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
identity_argument = click.argument("identity", metavar="ID")
reason_option = click.option("--reason", help="Why, for the audit trail.")

FIELDS = ("id", "name", "runs", "paused", "next_due", "last_run")

schedules = AppGroup("schedules", help="What runs by itself, when, and what it came to.")


@schedules.command("list")
@as_json
def list_schedules(as_json: bool) -> None:
    """What is due next comes first."""
    found = [_document(each) for each in ready_runtime().schedules.all(runs=1)]
    show({"schedules": found}) if as_json else show_table(found, FIELDS)


@schedules.command("pause")
@identity_argument
@reason_option
@as_json
def pause(identity: str, reason: str | None, as_json: bool) -> None:
    """It makes no more runs by itself; one under way goes on."""
    runtime = ready_runtime()
    with deed(runtime, "pause-schedule", identity, reason=reason) as actor:
        after = runtime.schedules.pause(identity, actor=actor)
    tell(f"{after.schedule.name} is paused.", _document(after), as_json)


@schedules.command("resume")
@identity_argument
@reason_option
@as_json
def resume(identity: str, reason: str | None, as_json: bool) -> None:
    """It runs again from its next due time on: not what fell due meanwhile."""
    runtime = ready_runtime()
    with deed(runtime, "resume-schedule", identity, reason=reason) as actor:
        after = runtime.schedules.resume(identity, actor=actor)
    tell(f"{after.schedule.name} runs {timing_words(after.schedule.timing)}.", _document(after), as_json)


@schedules.command("run")
@identity_argument
@reason_option
@as_json
def run(identity: str, reason: str | None, as_json: bool) -> None:
    """Once, besides its due times. A worker does it."""
    runtime = ready_runtime()
    with deed(runtime, "run-schedule", identity, reason=reason) as actor:
        started = runtime.schedules.run_now(identity, actor=actor, reason=reason)
    where = f"operation {started.operation}" if started.operation else "it waits for whoever fires schedules"
    document = {"run": started.id, "operation": started.operation, "state": started.state}
    tell(f"{identity} was asked for: {where}.", document, as_json)


def _document(status: ScheduleStatus) -> dict[str, Any]:
    schedule, last = status.schedule, status.last
    return {
        "id": schedule.id,
        "name": schedule.name,
        "runs": timing_words(schedule.timing),
        "paused": schedule.paused_at is not None,
        "next_due": status.due[0] if status.due else None,
        "last_run": None if last is None else last.verdict or last.state.value,
        "why_not": status.why_not,
    }
