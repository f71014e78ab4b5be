"""The rows of events that an operator passed over. Each function runs in the caller's transaction."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.readmodels.set_aside import Skip, Skipped
from cqrs.readmodels.tables import skipped
from cqrs.store.database_time import database_now


def skips(connection: sa.Connection, projection: str) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    asked = sa.select(skipped.c.position, skipped.c.key).where(skipped.c.projection == projection)
    for position, key in connection.execute(asked):
        found.setdefault(position, set()).add(key)
    return found


def skip(connection: sa.Connection, projection: str, key: str, chosen: Skip) -> None:
    this = {"projection": projection, "position": chosen.position, "key": key}
    again = sa.select(skipped.c.key).where(*(skipped.c[name] == value for name, value in this.items()))
    if connection.execute(again).first() is None:
        why = {"reason": chosen.reason, "skipped_by": chosen.by, "skipped_at": database_now()}
        connection.execute(sa.insert(skipped).values(**this, **why))


def page(connection: sa.Connection, projection: str, before: tuple[int, str] | None, limit: int) -> list[Skipped]:
    c = skipped.c
    asked = sa.select(c.position, c.key, c.reason, c.skipped_by, c.skipped_at).where(c.projection == projection)
    if before is not None:
        position, key = before
        asked = asked.where(c.position <= position, sa.or_(c.position < position, c.key > key))
    rows = connection.execute(asked.order_by(c.position.desc(), c.key).limit(limit))
    return [Skipped(*row) for row in rows]
