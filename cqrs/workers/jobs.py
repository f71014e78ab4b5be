"""What schedules do: plain functions of the runtime. Each may run twice without harm."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import sqlalchemy as sa

from cqrs.errors import OperationInTheWay
from cqrs.runtime import Runtime
from cqrs.store.database import Database
from cqrs.store.tables import idempotency
from cqrs.workers import tables

IDEMPOTENCY_LIFE = timedelta(days=30)
RUNS_LIFE = timedelta(days=1)
#: Rows deleted in one transaction: others wait for it.
SLICE = 500


def sample(runtime: Runtime) -> None:
    runtime.samples.record(runtime.projections.statuses(), runtime.events.safe_head())


def roll_up(runtime: Runtime) -> None:
    runtime.samples.roll_up()


def prune(runtime: Runtime) -> None:
    """Forget what is over: sessions, links, failures, silent workers, old runs, and keys of requests long answered."""
    runtime.sessions.prune()
    runtime.people.prune()
    runtime.throttle.prune()
    runtime.workers.prune()
    delete_older(runtime.main, tables.schedule_runs, tables.schedule_runs.c.started_at, RUNS_LIFE)
    delete_older(runtime.main, idempotency, idempotency.c.created_at, IDEMPOTENCY_LIFE)


def drop_generations(runtime: Runtime) -> list[tuple[str, int]]:
    """Remove generations that were kept for a day, and what operations left behind that are over."""
    return runtime.projections.drop_old(lambda: [each.id for each in runtime.operations.active()])


def replay_outgrown(runtime: Runtime) -> None:
    """Replay projections whose columns changed: their rows stand still until then. One that failed or was cancelled
    is not begun again by itself for the same columns."""
    for name, differs in runtime.projections.outgrown().items():
        tried = runtime.operations.page(kind="replay", projection=name, limit=1)
        if not any(each.parameters.get("outgrown") == differs for each in tried):
            with suppress(OperationInTheWay):
                runtime.start_replay(name, actor="system", reason=f"Its columns changed: {differs}.", outgrown=differs)


def delete_older(database: Database, table: sa.Table, moment: sa.ColumnElement[object], life: timedelta) -> int:
    """How many rows were deleted. They are found in a read, so that nobody waits for the search."""
    keys = list(table.primary_key)
    with database.read() as connection:
        old = database.now(connection) - life
        found = connection.execute(sa.select(*keys).where(moment < old)).all()
    for first in range(0, len(found), SLICE):
        rows = [tuple(row) for row in found[first : first + SLICE]]
        with database.write(durable=False) as connection:
            connection.execute(table.delete().where(sa.tuple_(*keys).in_(rows)))
    return len(found)
