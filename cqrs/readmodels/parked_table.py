"""The rows of parked keys and of the events that wait for them. Each method runs in the caller's transaction."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.set_aside import ParkedKey
from cqrs.readmodels.statements import MOST_VALUES
from cqrs.readmodels.tables import parked_events, parked_keys, skipped
from cqrs.store.database import KEEP_PLAN
from cqrs.store.database_time import database_now

FACTS = ("key", "position", "event_type", "error", "traceback", "attempts", "parked_by", "reason")

#: Waiting events counted for one key.
MOST_HELD = 10_000

_WHICH = (parked_keys.c.projection, parked_keys.c.generation)
COUNTS = sa.select(*_WHICH, sa.func.count().label("parked")).group_by(*_WHICH).execution_options(**KEEP_PLAN)


def record(connection: sa.Connection, held: Generation, batch: Batch) -> None:
    """Add what a batch set aside."""
    this: dict[str, Any] = {"projection": held.projection, "generation": held.number}
    for key in batch.parked:
        park(connection, held, key)
    size = MOST_VALUES // len(parked_events.c)
    for start in range(0, len(batch.held), size):
        waiting = [{**this, "key": key, "position": position} for key, position in batch.held[start : start + size]]
        connection.execute(sa.insert(parked_events).values(waiting))


def park(connection: sa.Connection, held: Generation, key: ParkedKey) -> None:
    facts = {name: getattr(key, name) for name in FACTS}
    this = {"projection": held.projection, "generation": held.number}
    connection.execute(sa.insert(parked_keys).values(**this, **facts, parked_at=database_now()))


def positions(connection: sa.Connection, projection: str, number: int) -> dict[str, int]:
    asked = sa.select(parked_keys.c.key, parked_keys.c.position).where(*_of(projection, number))
    return dict(connection.execute(asked).all())


def count_since(connection: sa.Connection, projection: str, number: int, seconds: float) -> int:
    recent = parked_keys.c.parked_at > database_now(sa.literal(-seconds, sa.Float))
    return connection.execute(sa.select(sa.func.count()).where(*_of(projection, number), recent)).scalar_one()


def counts(connection: sa.Connection) -> dict[tuple[str, int], int]:
    return {(name, number): count for name, number, count in connection.execute(COUNTS)}


def page(connection: sa.Connection, projection: str, number: int, after: str | None, limit: int) -> list[ParkedKey]:
    asked = sa.select(parked_keys).where(*_of(projection, number)).order_by(parked_keys.c.key).limit(limit)
    if after is not None:
        asked = asked.where(parked_keys.c.key > after)
    return [_parked_key(connection, row) for row in connection.execute(asked).mappings().all()]


def _parked_key(connection: sa.Connection, row: sa.RowMapping) -> ParkedKey:
    e = parked_events.c
    waiting = sa.select(e.position).where(
        e.projection == row["projection"], e.generation == row["generation"], e.key == row["key"]
    )
    held = connection.execute(sa.select(sa.func.count()).select_from(waiting.limit(MOST_HELD).subquery())).scalar_one()
    facts = {name: value for name, value in row.items() if name not in ("projection", "generation")}
    return ParkedKey(**facts, held=held)


def _of(projection: str, number: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (parked_keys.c.projection == projection, parked_keys.c.generation == number)


def find(connection: sa.Connection, projection: str, number: int, key: str) -> ParkedKey | None:
    asked = sa.select(parked_keys).where(*_of(projection, number), parked_keys.c.key == key)
    row = connection.execute(asked).mappings().one_or_none()
    return None if row is None else _parked_key(connection, row)


def set_aside(connection: sa.Connection, projection: str, number: int, position: int) -> str | None:
    """The worst that became of an event: one can be parked for one key, and skipped for another."""
    of_generation = [
        ("parked", parked_keys.c, parked_keys.c.generation == number),
        ("waiting", parked_events.c, parked_events.c.generation == number),
        ("skipped", skipped.c, sa.true()),
    ]
    for what, columns, condition in of_generation:
        asked = sa.select(columns.key).where(columns.projection == projection, columns.position == position, condition)
        if connection.execute(asked.limit(1)).first() is not None:
            return what
    return None


def settle(connection: sa.Connection, projection: str, number: int, before: ParkedKey, after: ParkedKey | None) -> None:
    """Remove a parked key; or, when it fails again, write down how. A failure before the old one leaves row and
    waiting events as they are: what was applied since cannot be taken back by half."""
    this = (*_of(projection, number), parked_keys.c.key == before.key)
    e = parked_events.c
    waiting = sa.delete(parked_events).where(e.projection == projection, e.generation == number, e.key == before.key)
    if after is None:
        connection.execute(sa.delete(parked_keys).where(*this))
        connection.execute(waiting)
        return
    told = {"error": after.error, "traceback": after.traceback, "attempts": before.attempts + after.attempts}
    if after.position >= before.position:
        told |= {"position": after.position, "event_type": after.event_type}
        connection.execute(waiting.where(e.position < after.position))
    connection.execute(sa.update(parked_keys).where(*this).values(told))
