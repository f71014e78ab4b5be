"""Which worker processes are alive. Each leaves a sign of life; silence is noticed by whoever looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.store.upsert import upsert
from cqrs.workers import tables

BEAT_SECONDS = 5.0
SILENT_AFTER = timedelta(seconds=3 * BEAT_SECONDS)


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    id: str
    host: str
    pid: int
    started_at: datetime
    #: Since its last sign of life.
    seen_seconds: float


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
        rows = tables.workers
        with self._database.read() as connection:
            now = self._database.now(connection)
            found = connection.execute(
                sa.select(rows).where(rows.c.seen_at > now - SILENT_AFTER).order_by(rows.c.started_at).limit(1000)
            )
            return [
                WorkerInfo(row.id, row.host, row.pid, row.started_at, max(0.0, (now - row.seen_at).total_seconds()))
                for row in found
            ]

    def prune(self) -> int:
        """Forget workers that have been silent for a day."""
        rows = tables.workers
        with self._database.write(durable=False) as connection:
            old = self._database.now(connection) - timedelta(days=1)
            return connection.execute(rows.delete().where(rows.c.seen_at < old)).rowcount
