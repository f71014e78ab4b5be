"""Between rows and schedules: reading and writing them inside a transaction of whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.drift.tables import checks
from cqrs.store.instants import Instant
from cqrs.store.upsert import insert_new
from cqrs.workers.due_times import ANCHOR, Timing
from cqrs.workers.operation import OperationState
from cqrs.workers.operation_tables import operations
from cqrs.workers.schedule import CHECK, RunState, Schedule, ScheduleRun
from cqrs.workers.schedule_tables import schedule_runs, schedules

#: What an operation's state means for the run that asked for it.
STATES = {
    OperationState.REQUESTED: RunState.WAITING,
    OperationState.RUNNING: RunState.RUNNING,
    OperationState.WAITING: RunState.RUNNING,
    OperationState.CANCELLING: RunState.RUNNING,
    OperationState.SUCCEEDED: RunState.SUCCEEDED,
    OperationState.FAILED: RunState.FAILED,
    OperationState.CANCELLED: RunState.CANCELLED,
}


class _AsFound(Instant):
    """SQLite keeps whatever a hand wrote into a column: NO_TIME instead of an error, which would hide all others."""

    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        try:
            found = super().process_result_value(value, dialect)
        except (ValueError, AttributeError, TypeError):
            return NO_TIME
        return NO_TIME if found is not None and found.tzinfo is None else found


NO_TIME = object()
TIMES = ("anchor", "paused_at", "changed_at", "counts_from")
_ROWS = sa.select(*(sa.type_coerce(c, _AsFound).label(c.name) if c.name in TIMES else c for c in schedules.c)).order_by(
    schedules.c.id
)


def read_schedules(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> list[Schedule]:
    found = connection.execute(_ROWS.where(*which))
    return [schedule_of(row) for row in found]


def read_locked(connection: sa.Connection, identity: str, dialect: str) -> Schedule | None:
    """As it is, and stays until the transaction ends: a change waits for a tick, or the tick sees it."""
    query = _ROWS.where(schedules.c.id == identity)
    row = connection.execute(query.with_for_update() if dialect == "postgresql" else query).one_or_none()
    return None if row is None else schedule_of(row)


def add_schedule(connection: sa.Connection, dialect: str, schedule: Schedule, now: datetime) -> None:
    """Leaves the one that is there as it is."""
    row = {
        "id": schedule.id,
        "name": schedule.name,
        "kind": schedule.kind,
        "projection": schedule.projection,
        "parameters": msgspec.json.encode(schedule.parameters).decode(),
        "fixed": schedule.fixed,
        "counts_from": schedule.counts_from or now,
        **timing_values(schedule.timing),
    }
    connection.execute(insert_new(dialect, schedules, row))


def timing_values(timing: Timing) -> dict[str, Any]:
    return {
        "every_seconds": None if timing.every is None else int(timing.every.total_seconds()),
        "cron": timing.cron,
        "zone": timing.zone,
        "anchor": timing.anchor,
        "jitter_seconds": int(timing.jitter.total_seconds()),
    }


def schedule_of(row: sa.Row[Any]) -> Schedule:
    times = {name: getattr(row, name) for name in TIMES}
    unreadable = tuple(name for name, found in times.items() if found is NO_TIME)
    times |= dict.fromkeys(unreadable)
    timing = Timing(
        every=None if row.every_seconds is None else _span(row.every_seconds, timedelta()),
        cron=row.cron,
        zone=row.zone,
        anchor=times["anchor"] or ANCHOR,
        jitter=_span(row.jitter_seconds, timedelta(seconds=-1)),
    )
    return Schedule(
        id=row.id,
        name=row.name,
        kind=row.kind,
        timing=timing,
        projection=row.projection,
        parameters=_parameters(row.parameters),
        fixed=row.fixed,
        paused_at=times["paused_at"],
        paused_by=row.paused_by,
        changed_at=times["changed_at"],
        changed_by=row.changed_by,
        counts_from=times["counts_from"],
        unreadable=unreadable,
    )


def _span(seconds: object, otherwise: timedelta) -> timedelta:
    """SQLite keeps whatever a hand wrote into a column; what is no number becomes what `faults_of` finds."""
    try:
        return timedelta(seconds=seconds)  # type: ignore[arg-type]
    except (TypeError, OverflowError):
        return otherwise


def _parameters(text: str) -> dict[str, Any]:
    """Empty when they cannot be read: then nobody can run it, and `why_not` says so."""
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, TypeError):
        return {}


def read_runs(
    connection: sa.Connection, *which: sa.ColumnElement[bool], limit: int, before: str | None = None
) -> list[ScheduleRun]:
    """The newest first, each with what its operation came to."""
    r, o, c = schedule_runs.c, operations.c, checks.c
    query = (
        sa.select(
            schedule_runs,
            o.state, o.errors, o.started_at.label("begun_at"), o.finished_at.label("ended_at"),
            c.id.label("check"), c.verdict, c.checked, (c.missing + c.extra + c.changed).label("differing"),
        )
        .select_from(schedule_runs.outerjoin(operations, o.id == r.operation).outerjoin(checks, c.operation == o.id))
        .where(*which, *([] if before is None else [r.id < before]))
        .order_by(r.id.desc())
        .limit(limit)
    )  # fmt: skip
    return [_run(row) for row in connection.execute(query)]


def unfinished_check(connection: sa.Connection, schedule: Schedule) -> str | None:
    """The operation that does the same check and is not over."""
    o = operations.c
    active = [state for state in OperationState if not state.finished]
    mine = o.projection == schedule.projection, o.kind == CHECK, o.state.in_(active)
    for identity, parameters in connection.execute(sa.select(o.id, o.parameters).where(*mine)):
        given = msgspec.json.decode(parameters)
        if (given.get("level", "full"), given.get("reference", "log")) == (schedule.level, schedule.reference):
            return str(identity)
    return None


def _run(row: sa.Row[Any]) -> ScheduleRun:
    run = ScheduleRun(
        id=row.id,
        schedule=row.schedule,
        due_at=row.due_at,
        asked_by=row.asked_by,
        requested_at=row.requested_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        state=_state(row),
        operation=row.operation,
        check=row.check,
        verdict=row.verdict,
        checked=row.checked,
        differing=row.differing,
        outcome=row.outcome,
        error=row.error,
    )
    if run.operation is None:
        return run
    errors: Sequence[str] = msgspec.json.decode(row.errors) if row.errors else []
    failed = run.state is RunState.FAILED
    error = (errors[-1] if errors else "The reason is unknown.") if failed else None
    return replace(run, started_at=row.begun_at, finished_at=row.ended_at, error=error)


def _state(row: sa.Row[Any]) -> RunState:
    if row.skipped:
        return RunState.SKIPPED
    if row.operation is not None:
        return RunState.UNKNOWN if row.state is None else STATES[OperationState(row.state)]
    if row.error is not None:
        return RunState.FAILED
    if row.finished_at is not None:
        return RunState.SUCCEEDED
    return RunState.WAITING if row.started_at is None else RunState.RUNNING
