"""The same work done with the `eventsourcing` library, as well as its documentation shows how to do it.

It has no projection runner for SQLite, so the replay is a loop by hand over `select_notifications` and the mapper into
a view on a SQLiteTrackingRecorder: one transaction an event, which is the unit its tracking offers. Importing this
module fails where the library is not installed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import (
    DatetimeAsISO,
    DecimalAsStr,
    JSONTranscoder,
    Mapper,
    StoredEvent,
    Tracking,
    UUIDAsHex,
)
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteDatastore,
    SQLiteTrackingRecorder,
)

from benchmarks.workload import entries
from cqrs.example import orders, users

PAGE = 1_000


class UserCreated(DomainEvent):
    name: str
    email: str
    city: str | None


class UserUpdated(DomainEvent):
    name: str
    city: str | None


class OrderPlaced(DomainEvent):
    user_id: str
    customer: str
    amount: Decimal
    ordered_at: datetime


class OrderCancelled(DomainEvent):
    user_id: str
    amount: Decimal
    ordered_at: datetime
    reason: str


def open_datastore(path: Path, synchronous: str) -> SQLiteDatastore:
    """The library never sets `synchronous`, so its default is FULL; NORMAL is what a careful user would choose."""
    datastore = SQLiteDatastore(str(path))
    create = datastore.pool._create_connection

    def create_tuned() -> SQLiteConnection:
        connection = create()
        connection.cursor().execute(f"PRAGMA synchronous={synchronous}")
        return connection

    datastore.pool._create_connection = create_tuned  # type: ignore[method-assign]
    return datastore


def open_log(path: Path, synchronous: str) -> SQLiteApplicationRecorder:
    recorder = SQLiteApplicationRecorder(open_datastore(path, synchronous))
    recorder.create_table()
    return recorder


def mapper() -> Mapper[UUID]:
    transcoder = JSONTranscoder()
    for transcoding in (UUIDAsHex(), DecimalAsStr(), DatetimeAsISO()):
        transcoder.register(transcoding)
    return Mapper(transcoder)


def stored(events: Iterable[tuple[str, int, Any]]) -> list[StoredEvent]:
    """Our events as theirs; `events` are (stream, version, event)."""
    to_stored = mapper().to_stored_event
    return [to_stored(translate(UUID(stream.partition("-")[2]), version, event)) for stream, version, event in events]


def translate(stream_id: UUID, version: int, event: Any) -> DomainEvent:
    common: dict[str, Any] = {"originator_id": stream_id, "originator_version": version, "timestamp": event_time()}
    match event:
        case users.UserCreated():
            return UserCreated(**common, name=event.name, email=event.email, city=event.city)
        case users.UserUpdated():
            return UserUpdated(**common, name=event.name, city=event.city)
        case orders.OrderPlaced():
            return OrderPlaced(
                **common,
                user_id=event.user_id,
                customer=event.customer,
                amount=event.amount,
                ordered_at=event.ordered_at,
            )
        case orders.OrderCancelled():
            return OrderCancelled(
                **common, user_id=event.user_id, amount=event.amount, ordered_at=event.ordered_at, reason=event.reason
            )
    raise TypeError(type(event).__name__)


def event_time() -> datetime:
    return DomainEvent.create_timestamp()


class UserStatsView(SQLiteTrackingRecorder):
    """`user_stats` with the columns ours has; one statement an event, money rounded in SQL, which is quickest."""

    def construct_create_table_statements(self) -> list[str]:
        return [
            *super().construct_create_table_statements(),
            "CREATE TABLE IF NOT EXISTS user_stats (user_id TEXT PRIMARY KEY, name TEXT, email TEXT, "
            "order_count BIGINT, total_spent NUMERIC(15, 2), last_order_at TEXT)",
        ]

    def apply(self, event: DomainEvent, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            match event:
                case UserCreated():
                    cursor.execute(
                        "INSERT INTO user_stats VALUES (?,?,?,0,0,NULL)",
                        (str(event.originator_id), event.name, event.email),
                    )
                case UserUpdated():
                    cursor.execute(
                        "UPDATE user_stats SET name=? WHERE user_id=?", (event.name, str(event.originator_id))
                    )
                case OrderPlaced():
                    cursor.execute(
                        "UPDATE user_stats SET order_count=order_count+1, total_spent=ROUND(total_spent+?, 2), "
                        "last_order_at=? WHERE user_id=?",
                        (float(event.amount), event.ordered_at.isoformat(), event.user_id),
                    )
                case OrderCancelled():
                    cursor.execute(
                        "UPDATE user_stats SET order_count=order_count-1, total_spent=ROUND(total_spent-?, 2) "
                        "WHERE user_id=?",
                        (float(event.amount), event.user_id),
                    )


def filled_log(path: Path, count: int) -> Path:
    log = open_log(path, "NORMAL")
    log.insert_events(stored(entries(count)))
    log.datastore.close()
    return path


def replay(path: Path, *, clock: Callable[[], float]) -> float:
    """Build the view from nothing; events a second."""
    log = open_log(path, "NORMAL")
    with log.datastore.transaction(commit=True) as cursor:
        for table in ("user_stats", "tracking"):
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
    view = UserStatsView(log.datastore)
    view.create_table()
    to_domain_event, position = mapper().to_domain_event, 0
    started = clock()
    while page := log.select_notifications(position, PAGE, inclusive_of_start=False):
        for notification in page:
            view.apply(to_domain_event(notification), Tracking("shop", notification.id))
        position = page[-1].id
    elapsed = clock() - started
    log.datastore.close()
    return position / elapsed


def order_batches(count: int, size: int) -> list[list[StoredEvent]]:
    """`count` placed orders as appends of `size` events, each to a stream of its own."""
    placed = (event for _, _, event in entries(2 * count) if isinstance(event, orders.OrderPlaced))
    events = list(itertools.islice(placed, count))
    return [
        stored((f"order-{stream}", n, event) for n, event in enumerate(events[at : at + size], start=1))
        for at, stream in ((at, uuid4()) for at in range(0, count, size))
    ]
