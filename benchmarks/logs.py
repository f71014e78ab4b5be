"""Logs to measure on: our database with its schema, and the same events as rows for sqlite3 and for our store."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import raw
from benchmarks.workload import EVENTS_PER_USER, START, Entry, entries
from cqrs.example import orders, users
from cqrs.identifiers import new_id
from cqrs.store.instants import to_text
from cqrs.store.records import NewEvent
from cqrs.store.serialization import EventTypes

COLUMNS = (
    "stream",
    "version",
    "type",
    "schema_version",
    "data",
    "metadata",
    "event_id",
    "correlation_id",
    "causation_id",
    "actor",
    "recorded_at",
)
FILL = 10_000
#: The indexes of some million events: streams and ids come in no order.
FILL_CACHE_KIB = 2_000_000


def event_types() -> EventTypes:
    return EventTypes(
        [users.UserCreated, users.UserUpdated, users.UserDeleted, orders.OrderPlaced, orders.OrderCancelled]
    )


def new_event(types: EventTypes, entry: Entry) -> NewEvent:
    name, version, data = types.encode(entry[2])
    command = new_id()
    return NewEvent(
        type=name,
        schema_version=version,
        data=data,
        event_id=new_id(),
        correlation_id=command,
        causation_id=command,
        actor="benchmark",
        recorded_at=START,
    )


def row(stream: str, version: int, event: NewEvent) -> tuple[Any, ...]:
    return (
        stream,
        version,
        event.type,
        event.schema_version,
        event.data.decode(),
        event.metadata.decode(),
        event.event_id,
        event.correlation_id,
        event.causation_id,
        event.actor,
        to_text(event.recorded_at or START),
    )


def rows(count: int, per_user: int = EVENTS_PER_USER) -> Iterator[tuple[Any, ...]]:
    types = event_types()
    return (row(entry[0], entry[1], new_event(types, entry)) for entry in entries(count, per_user=per_user))


def fill(path: Path, count: int, *, per_user: int = EVENTS_PER_USER) -> None:
    """Put `count` events into a log that has its schema and nothing else, by the shortest way: indexes come last."""
    connection = raw.connect(path, "OFF")
    connection.execute("PRAGMA journal_mode=OFF")  # nobody else has the file, and nobody misses a torn one
    connection.execute(f"PRAGMA cache_size=-{FILL_CACHE_KIB}")
    made = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'events' AND sql IS NOT NULL"
    indexes = connection.execute(made).fetchall()
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"')
    append = raw.appender(connection, COLUMNS)
    source = rows(count, per_user)
    while page := list(itertools.islice(source, FILL)):
        append(page)
    for _, index in indexes:
        connection.execute(index)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


Batch = tuple[str, list[NewEvent]]


def batches(count: int, size: int) -> list[Batch]:
    """`count` order events as appends of `size` events, each to a stream of its own."""
    types = event_types()
    placed = (entry for entry in entries(2 * count) if isinstance(entry[2], orders.OrderPlaced))
    events = [new_event(types, entry) for entry in itertools.islice(placed, count)]
    return [(f"order-{uuid.uuid4()}", events[n : n + size]) for n in range(0, count, size)]


def batch_rows(made: Iterable[Batch]) -> list[Sequence[tuple[Any, ...]]]:
    return [[row(stream, n, event) for n, event in enumerate(events, start=1)] for stream, events in made]
