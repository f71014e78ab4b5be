"""Slows down guessing: after five failures each further attempt has to wait twice as long. For no one, for ever.

Kept in the database, so that it counts whatever process an attempt meets.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import sqlalchemy as sa

from cqrs.errors import TooManyAttempts
from cqrs.operators import tables
from cqrs.store.database import Database
from cqrs.store.upsert import upsert

FREE_FAILURES = 5
LONGEST_WAIT = timedelta(minutes=15)
#: Failures count no longer when the last one is this old.
FORGOTTEN_AFTER = timedelta(hours=1)


class Throttle:
    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, scope: str) -> None:
        """Raises TooManyAttempts while the scope, such as "sign-in:192.0.2.7", has to wait."""
        rows = tables.throttle
        with self._database.read() as connection:
            row = connection.execute(sa.select(rows).where(rows.c.scope == scope)).one_or_none()
            if row is None:
                return
            left = row.failed_at + wait_after(row.failures) - self._database.now(connection)
        if left > timedelta(0) and row.failures >= FREE_FAILURES:
            raise TooManyAttempts(retry_after=math.ceil(left.total_seconds()))

    def failed(self, scope: str) -> None:
        rows = tables.throttle
        with self._database.write(durable=False) as connection:
            now = self._database.now(connection)
            counted = sa.case((rows.c.failed_at < now - FORGOTTEN_AFTER, 1), else_=rows.c.failures + 1)
            new = {"scope": scope, "failures": 1, "failed_at": now}
            connection.execute(upsert(self._database.dialect, rows, new, {"failures": counted, "failed_at": now}))

    def succeeded(self, scope: str) -> None:
        rows = tables.throttle
        with self._database.write(durable=False) as connection:
            connection.execute(rows.delete().where(rows.c.scope == scope))

    def prune(self) -> int:
        rows = tables.throttle
        with self._database.write(durable=False) as connection:
            old: datetime = self._database.now(connection) - FORGOTTEN_AFTER
            return connection.execute(rows.delete().where(rows.c.failed_at < old)).rowcount


def wait_after(failures: int) -> timedelta:
    """1 s after the fifth failure, then 2, 4, 8 … up to 15 minutes."""
    doublings = max(0, min(failures - FREE_FAILURES, 10))
    return min(timedelta(seconds=2**doublings), LONGEST_WAIT)
