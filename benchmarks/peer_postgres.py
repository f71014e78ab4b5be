"""The replay with `eventsourcing` on PostgreSQL, as its documentation shows it: a ProjectionRunner with a view on a
PostgresTrackingRecorder, one transaction an event. Importing this module fails where the library, or the connection
pool it needs, is not installed.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from eventsourcing.application import Application
from eventsourcing.persistence import Tracking, Transcoder
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from benchmarks.peer import OrderCancelled, OrderPlaced, UserCreated, UserUpdated, mapper, stored
from benchmarks.workload import entries

LONGEST_SECONDS = 600.0
FILL = 100


class Shop(Application[UUID]):
    name = "shop"

    def register_transcodings(self, transcoder: Transcoder) -> None:
        super().register_transcodings(transcoder)
        for transcoding in mapper().transcoder.types.values():  # type: ignore[attr-defined]
            transcoder.register(transcoding)


class UserStatsView(PostgresTrackingRecorder):
    """`user_stats` with the columns ours has; one statement an event beside that for the tracking."""

    def __init__(self, datastore: PostgresDatastore, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.sql_create_statements.append(
            SQL(
                "CREATE TABLE IF NOT EXISTS user_stats (user_id text PRIMARY KEY, name text, email text, "
                "order_count bigint, total_spent numeric(15, 2), last_order_at timestamptz)"
            )
        )

    def apply(self, statement: str, values: tuple[Any, ...], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(statement.encode(), values, prepare=True)


class UserStats(Projection[UserStatsView]):
    name = "userstats"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        apply = self.view.apply
        match domain_event:
            case UserCreated(originator_id=user, name=name, email=email):
                apply("INSERT INTO user_stats VALUES (%s, %s, %s, 0, 0, NULL)", (str(user), name, email), tracking)
            case UserUpdated(originator_id=user, name=name):
                apply("UPDATE user_stats SET name = %s WHERE user_id = %s", (name, str(user)), tracking)
            case OrderPlaced(user_id=user, amount=amount, ordered_at=moment):
                apply(
                    "UPDATE user_stats SET order_count = order_count + 1, total_spent = total_spent + %s, "
                    "last_order_at = %s WHERE user_id = %s",
                    (amount, moment, user),
                    tracking,
                )
            case OrderCancelled(user_id=user, amount=amount):
                apply(
                    "UPDATE user_stats SET order_count = order_count - 1, total_spent = total_spent - %s "
                    "WHERE user_id = %s",
                    (amount, user),
                    tracking,
                )


def environment(url: str) -> dict[str, str]:
    parsed = sa.make_url(url)
    host = parsed.host or parsed.query.get("host") or "localhost"
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parsed.database),
        "POSTGRES_HOST": str(host),
        "POSTGRES_PORT": str(parsed.port or 5432),
        "POSTGRES_USER": parsed.username or "postgres",
        "POSTGRES_PASSWORD": parsed.password or "",
    }


def fill(url: str, count: int) -> None:
    app = Shop(env=environment(url))
    events = stored(entries(count))
    for start in range(0, count, FILL):  # A pipeline of thousands never comes back.
        app.recorder.insert_events(events[start : start + FILL])
    app.close()


def replay(url: str, count: int) -> float:
    """Build the view from nothing; events a second, up to what `runner.wait` sees, which looks every 100 ms."""
    import psycopg

    with psycopg.connect(url) as connection:
        for table in ("user_stats", "userstats_tracking"):
            connection.execute(f"DROP TABLE IF EXISTS {table}".encode())
    started = time.perf_counter()
    runner = ProjectionRunner(
        application_class=Shop, projection_class=UserStats, view_class=UserStatsView, env=environment(url)
    )
    with runner:
        runner.wait(count, timeout=LONGEST_SECONDS)
        return count / (time.perf_counter() - started)
