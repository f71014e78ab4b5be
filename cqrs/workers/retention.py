"""How long what is over is kept, and forgetting it: a slice at a time, so that nobody waits for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from cqrs.drift.tables import checks, coverage, findings
from cqrs.store.database import Database
from cqrs.workers.operation import FINISHED
from cqrs.workers.operation_tables import operation_log, operations
from cqrs.workers.schedule_tables import schedule_runs, schedules

#: Finished operations, checks with their findings, and runs of schedules.
KEPT = timedelta(days=90)
#: Runs of what runs several times a minute.
FIXED_RUNS_KEPT = timedelta(hours=1)
#: Rows deleted in one transaction: others wait for it.
SLICE = 500


def forget_old(database: Database) -> str:
    """What was forgotten, in words. The last operation of each kind and the last check of each level stay, by how they
    ended, and those that coverage rests on: what comes next rests on them."""
    o, c, old = operations.c, checks.c, KEPT
    runs = delete_older(database, schedule_runs, schedule_runs.c.requested_at, old)
    last = sa.select(sa.func.max(o.id)).group_by(o.projection, o.kind, o.state)
    over = _found(database, operations, o.finished_at, old, o.state.in_(FINISHED), o.id.not_in(last))
    _delete_of(database, operation_log, operation_log.c.operation, over)
    delete_rows(database, operations, over)
    last = sa.select(sa.func.max(c.id)).group_by(c.projection, c.level, c.reference, c.verdict)
    named = sa.select(coverage.c.whole_check).where(coverage.c.whole_check.is_not(None))
    looked = _found(database, checks, c.finished_at, old, c.id.not_in(last), c.id.not_in(named))
    _delete_of(database, findings, findings.c.check, looked)
    delete_rows(database, checks, looked)
    return f"{_counted(len(over), 'operation')}, {_counted(len(looked), 'check')} and {_counted(runs, 'run')} removed"


def forget_fixed_runs(database: Database) -> int:
    r = schedule_runs.c
    fixed = sa.select(schedules.c.id).where(schedules.c.fixed.is_(sa.true()))
    found = _found(database, schedule_runs, r.requested_at, FIXED_RUNS_KEPT, r.schedule.in_(fixed))
    return delete_rows(database, schedule_runs, found)


def delete_older(database: Database, table: sa.Table, moment: sa.ColumnElement[Any], life: timedelta) -> int:
    """How many rows were deleted. They are found in a read, so that nobody waits for the search."""
    return delete_rows(database, table, _found(database, table, moment, life))


def delete_rows(database: Database, table: sa.Table, found: list[tuple[Any, ...]]) -> int:
    """Rows by their primary keys."""
    keys = sa.tuple_(*table.primary_key)
    for first in range(0, len(found), SLICE):
        with database.write(durable=False) as connection:
            connection.execute(table.delete().where(keys.in_(found[first : first + SLICE])))
    return len(found)


def _delete_of(
    database: Database, table: sa.Table, owner: sa.ColumnElement[Any], owners: list[tuple[Any, ...]]
) -> None:
    """The rows of these owners, of whom each has some hundreds."""
    for (identity,) in owners:
        with database.write(durable=False) as connection:
            connection.execute(table.delete().where(owner == identity))


def _found(
    database: Database,
    table: sa.Table,
    moment: sa.ColumnElement[Any],
    life: timedelta,
    *which: sa.ColumnElement[bool],
) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        old = database.now(connection) - life
        return [tuple(row) for row in connection.execute(sa.select(*table.primary_key).where(moment < old, *which))]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
