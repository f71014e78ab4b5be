"""Changing what readers see: one transaction for the view and both generations. Runs in the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cqrs.errors import Fenced
from cqrs.readmodels.foreign import watch
from cqrs.readmodels.generation import Generation, GenerationState, Standing
from cqrs.readmodels.generations import point_view, table_name
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.tables import foreign_writes, parked_events, parked_keys
from cqrs.readmodels.tables import generations as g
from cqrs.store.database_time import database_now

#: Readers queue behind us while we wait for one of them, so we give up soon and come again.
LOCK_MILLISECONDS = 200

PAUSE = ("paused_at", "paused_by", "paused_reason")
FREE: dict[str, Any] = {"owner": None, "lease_until": None, "in_hand": None, "suspect": None, "deaths": None}


def hold(connection: sa.Connection, live: Generation, owner: str, seconds: float) -> None:
    """Fences whoever moves it; nobody else gets the lease before `seconds` are over."""
    taken = sa.update(g).where(*_this(live.projection, live.number), g.c.state == GenerationState.LIVE)
    until = database_now(sa.literal(seconds, sa.Float))
    _one(connection, taken.values(owner=owner, token=g.c.token + 1, lease_until=until), live)


def swap(
    connection: sa.Connection,
    model: RowModel,
    live: Generation,
    candidate: Generation,
    outcome: str,
    standing: Standing | None,
) -> None:
    if standing is None and live.failure is None and candidate.position < live.position:
        # Readers never go back in time, but with the log itself: rows of a history that is gone have failed.
        raise Fenced(projection=candidate.projection, generation=candidate.number)
    limit_waiting(connection)
    pause = connection.execute(sa.select(*(g.c[name] for name in PAUSE)).where(*_exactly(live)))
    paused = pause.mappings().one_or_none()
    # A live generation that stood was paused by us, not by a person: whoever replays it wants it to go on.
    halted: dict[str, Any] = dict.fromkeys(PAUSE) if paused is None or live.stands else dict(paused)
    if standing is not None:
        halted = {"paused_at": database_now(), "paused_by": standing.by, "paused_reason": standing.reason}
    kept = {"state": GenerationState.KEPT, "kept_at": database_now(), "token": g.c.token + 1, "stands": None, **FREE}
    shown_now = sa.update(g).where(*_exactly(live), g.c.state == GenerationState.LIVE)
    _one(connection, shown_now.values(**kept, **dict.fromkeys(PAUSE), failure=None), live)
    shown = {"state": GenerationState.LIVE, "kept_at": None, "token": g.c.token + 1, "outcome": outcome, **FREE}
    ready = sa.update(g).where(*_exactly(candidate), g.c.state == GenerationState.BUILDING)
    shown |= halted | {"stands": True if standing else None, "failure": None, "heartbeat_at": database_now()}
    _one(connection, ready.values(shown), candidate)
    watch(connection, model, candidate.number)
    point_view(connection, model, candidate.number)


def remember(connection: sa.Connection, held: Generation, outcome: str) -> None:
    mine = (*_this(held.projection, held.number), g.c.token == held.token)
    _one(connection, sa.update(g).where(*mine).values(outcome=outcome), held)


def readers_from_before(connection: sa.Connection, moment: datetime) -> int:
    """On PostgreSQL a transaction that keeps one snapshot finds the view by the catalogue of now."""
    if connection.dialect.name != "postgresql":
        return 0
    older = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND xact_start < :moment"
    )
    return int(connection.execute(sa.text(older), {"moment": moment}).scalar_one())


def reopen(connection: sa.Connection, kept: Generation, operation: str) -> None:
    opened = {"state": GenerationState.BUILDING, "token": g.c.token + 1, "operation": operation, **FREE}
    was = (*_this(kept.projection, kept.number), g.c.state == GenerationState.KEPT)
    _one(connection, sa.update(g).where(*was).values(**opened, paused_at=None, failure=None), kept)


def put_back(connection: sa.Connection, projection: str, number: int) -> bool:
    """Only what was kept before: a generation that was never shown is dropped, not kept."""
    closed = {"state": GenerationState.KEPT, "token": g.c.token + 1, "failure": None, **FREE}
    was = (*_this(projection, number), g.c.state == GenerationState.BUILDING, g.c.kept_at.is_not(None))
    return connection.execute(sa.update(g).where(*was).values(closed)).rowcount == 1


def drop(connection: sa.Connection, model: RowModel, number: int) -> bool:
    limit_waiting(connection)
    unseen = (*_this(model.name, number), g.c.state != GenerationState.LIVE)
    if connection.execute(sa.delete(g).where(*unseen)).rowcount != 1:
        return False
    for table in (parked_keys, parked_events, foreign_writes):
        connection.execute(sa.delete(table).where(table.c.projection == model.name, table.c.generation == number))
    quote = connection.dialect.identifier_preparer.quote
    for each in (model, *model.companions):
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quote(table_name(each, number))}")
    return True


def limit_waiting(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout TO '{LOCK_MILLISECONDS}ms'")


def _this(projection: str, number: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (g.c.projection == projection, g.c.generation == number)


def _exactly(held: Generation) -> tuple[sa.ColumnElement[bool], ...]:
    return (*_this(held.projection, held.number), g.c.token == held.token, g.c.position == held.position)


def _one(connection: sa.Connection, statement: sa.Update, generation: Generation) -> None:
    if connection.execute(statement).rowcount != 1:
        raise Fenced(projection=generation.projection, generation=generation.number)
