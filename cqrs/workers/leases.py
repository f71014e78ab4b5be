"""Leases: one owner at a time for a limited time, by the clock of the database.

The token grows whenever the owner changes. Whoever slept through the end of its lease finds a higher token in the
database and knows that somebody else works now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.store.upsert import upsert
from cqrs.workers import tables


@dataclass(frozen=True, slots=True)
class Lease:
    name: str
    owner: str
    token: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A lease as others see it. Its seconds grow again whenever its owner renews it."""

    owner: str
    token: int
    seconds_left: float


class Leases:
    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, owner: str, ttl: timedelta) -> Lease | None:
        """Take the lease, or renew one's own; None while somebody else holds it."""
        rows = tables.leases
        with self._database.write(durable=False) as connection:
            now = self._database.now(connection)
            changed_hands = sa.case((rows.c.owner == owner, rows.c.token), else_=rows.c.token + 1)
            new = {"name": name, "owner": owner, "token": 1, "expires_at": now + ttl}
            change = {"owner": owner, "token": changed_hands, "expires_at": now + ttl}
            free = sa.or_(rows.c.owner == owner, rows.c.expires_at <= now)
            taken = connection.execute(upsert(self._database.dialect, rows, new, change, where=free))
            if taken.rowcount != 1:
                return None
            token = connection.scalar(sa.select(rows.c.token).where(rows.c.name == name))
            return Lease(name, owner, int(token or 0))

    def holder(self, name: str) -> Holding | None:
        """Who holds the lease now; None when nobody does."""
        rows = tables.leases
        with self._database.read() as connection:
            now = self._database.now(connection)
            held = sa.select(rows).where(rows.c.name == name, rows.c.expires_at > now)
            found = connection.execute(held).one_or_none()
        if found is None:
            return None
        return Holding(found.owner, int(found.token), (found.expires_at - now).total_seconds())

    def release(self, lease: Lease) -> None:
        """Let the next one in at once. Does nothing when somebody else holds it by now."""
        rows = tables.leases
        with self._database.write(durable=False) as connection:
            connection.execute(rows.update().where(_same(lease)).values(expires_at=self._database.now(connection)))

    @staticmethod
    def still_held(connection: sa.Connection, lease: Lease) -> bool:
        """Whether nobody took the lease over, even if its time has run out. Asked inside a write transaction."""
        return connection.scalar(sa.select(tables.leases.c.token).where(_same(lease))) is not None


def _same(lease: Lease) -> sa.ColumnElement[bool]:
    columns = tables.leases.c
    return sa.and_(columns.name == lease.name, columns.owner == lease.owner, columns.token == lease.token)
