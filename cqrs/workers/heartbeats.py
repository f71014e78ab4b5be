"""Which worker processes are alive. Each leaves a sign of life; silence is noticed by whoever looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cqrs.store.database import KEEP_PLAN, Database
from cqrs.store.database_time import database_now
from cqrs.store.upsert import upsert
from cqrs.workers import tables

BEAT_SECONDS = 5.0
SILENT_AFTER = timedelta(seconds=3 * BEAT_SECONDS)
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    id: str
    host: str
    pid: int
    started_at: datetime
    #: Since its last sign of life.
    seen_seconds: float

    @property
    def silent(self) -> bool:
        return self.seen_seconds >= SILENT_AFTER.total_seconds()


class Workers:
    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, worker_id: str, *, host: str, pid: int) -> None:
        with self._database.write(durable=False) as connection:
            now = self._database.now(connection)
            new = {"id": worker_id, "host": host, "pid": pid, "started_at": now, "seen_at": now}
            connection.execute(upsert(self._database.dialect, tables.workers, new, {"seen_at": now}))

    def left(self, worker_id: str) -> None:
        """It stopped by itself: no reason to wait for its silence."""
        with self._database.write(durable=False) as connection:
            connection.execute(tables.workers.delete().where(tables.workers.c.id == worker_id))

    def alive(self) -> Sequence[WorkerInfo]:
        """Those that gave a sign of life in the last 15 seconds, longest running first."""
        return self._seen(SILENT_AFTER, tables.workers.c.started_at, 1000)

    def known(self, most: int = 50) -> Sequence[WorkerInfo]:
        """Silent ones too until they are forgotten, those heard of last first."""
        return self._seen(FORGOTTEN_AFTER, tables.workers.c.seen_at.desc(), most)

    def _seen(self, within: timedelta, order: sa.ColumnElement[Any], most: int) -> Sequence[WorkerInfo]:
        rows = tables.workers
        since = database_now(sa.literal(-within.total_seconds(), sa.Float))
        asked = sa.select(rows, database_now().label("now")).where(rows.c.seen_at > since).order_by(order).limit(most)
        asked = asked.execution_options(**KEEP_PLAN)
        with self._database.glance() as connection:
            return [
                WorkerInfo(row.id, row.host, row.pid, row.started_at, max(0.0, (row.now - row.seen_at).total_seconds()))
                for row in connection.execute(asked)
            ]

    def prune(self) -> int:
        """Forget workers that have been silent for a day."""
        rows = tables.workers
        with self._database.write(durable=False) as connection:
            old = self._database.now(connection) - FORGOTTEN_AFTER
            return connection.execute(rows.delete().where(rows.c.seen_at < old)).rowcount
