"""The limit: the least that has to be done, in the plainest code, on the tables our own database has.

No upcasting, no parking, no generations, no check of versions: nothing but sqlite3, msgspec and a dict.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

#: The plus keeps SQLite from looking up every event through the index of types, which is slower for nearly all of them.
READ = "SELECT position, type, data FROM events WHERE +type IN (?,?,?,?,?) ORDER BY position"
TYPES = ("UserCreated", "UserUpdated", "UserDeleted", "OrderPlaced", "OrderCancelled")


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


def copy_schema(source: Path, target: sqlite3.Connection, table: str, *, name: str | None = None) -> None:
    """Create `table` with its indexes as `source` has it, without triggers; under another name if one is given."""
    model = sqlite3.connect(source)
    query = "SELECT sql FROM sqlite_master WHERE tbl_name=? AND type IN ('table', 'index') AND sql IS NOT NULL"
    for (sql,) in model.execute(query, (table,)).fetchall():
        target.execute(sql.replace(table, name) if name else sql)
    model.close()


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")]


def appender(connection: sqlite3.Connection, columns: Sequence[str]) -> Callable[[Sequence[Sequence[Any]]], None]:
    """Appends rows in one transaction, as sqlite3 does it best."""
    insert = f"INSERT INTO events ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"

    def append(rows: Sequence[Sequence[Any]]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows)
        connection.execute("COMMIT")

    return append


class Joined(msgspec.Struct):
    user_id: str
    name: str
    email: str


class Renamed(msgspec.Struct):
    user_id: str
    name: str


class Bought(msgspec.Struct):
    user_id: str
    amount: Decimal
    ordered_at: str


class Returned(msgspec.Struct):
    user_id: str
    amount: Decimal


class Gone(msgspec.Struct):
    user_id: str


#: Events as (position, type, data).
Raws = Iterable[tuple[Any, ...]]
#: By user: _pos, name, email, order_count, total_spent, last_order_at.
Rows = dict[str, list[Any]]


def read(connection: sqlite3.Connection) -> Raws:
    return connection.execute(READ, TYPES)


def fold(events: Raws) -> Rows:
    """Decodes no more than the fields it needs, into structs: about the quickest there is in Python."""
    shapes = (Joined, Renamed, Gone, Bought, Returned)
    decode = {kind: msgspec.json.Decoder(shape).decode for kind, shape in zip(TYPES, shapes, strict=True)}
    rows: Rows = {}
    for position, kind, data in events:
        event: Any = decode[kind](data)
        if kind == "UserCreated":
            rows[event.user_id] = [position, event.name, event.email, 0, Decimal(0), None]
        elif (row := rows.get(event.user_id)) is None:
            continue
        elif kind == "OrderPlaced":
            row[0] = position
            row[3] += 1
            row[4] += event.amount
            row[5] = event.ordered_at
        elif kind == "OrderCancelled":
            row[0] = position
            row[3] -= 1
            row[4] -= event.amount
        elif kind == "UserUpdated":
            row[0] = position
            row[1] = event.name
        else:
            del rows[event.user_id]
    return rows


def fold_dicts(events: Raws) -> Rows:
    """The same on plain dicts, as a script would do it."""
    decode = msgspec.json.decode
    rows: Rows = {}
    for position, kind, data in events:
        event = decode(data)
        if kind == "UserCreated":
            rows[event["user_id"]] = [position, event["name"], event["email"], 0, Decimal(0), None]
        elif (row := rows.get(event["user_id"])) is None:
            continue
        elif kind == "OrderPlaced":
            row[0] = position
            row[3] += 1
            row[4] += Decimal(event["amount"])
            row[5] = event["ordered_at"]
        elif kind == "OrderCancelled":
            row[0] = position
            row[3] -= 1
            row[4] -= Decimal(event["amount"])
        elif kind == "UserUpdated":
            row[0] = position
            row[1] = event["name"]
        else:
            del rows[event["user_id"]]
    return rows


def write(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    columns = "user_id, _pos, name, email, order_count, total_spent, last_order_at"
    values = [
        (key, position, name, email, count, float(spent), last)
        for key, (position, name, email, count, spent, last) in rows.items()
    ]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO {table} ({columns}) VALUES (?,?,?,?,?,?,?)", values)
    connection.execute("COMMIT")
