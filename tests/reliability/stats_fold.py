"""What `user_stats` must hold, worked out from the log by other code than the program's, and what it does hold."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Rows = dict[str, tuple[Any, ...]]


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """The file as any other program would open it."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        yield connection


def folded(connection: sqlite3.Connection) -> Rows:
    """(name, email, order_count, total_spent, last_order_at) by user."""
    rows: dict[str, list[Any]] = {}
    for kind, text in connection.execute("SELECT type, data FROM events ORDER BY position"):
        data = json.loads(text)
        user = data["user_id"]
        if kind == "UserCreated":
            rows[user] = [data["name"], data["email"], 0, Decimal(0), None]
        elif kind == "UserDeleted":
            rows.pop(user, None)
        elif user in rows and kind == "UserUpdated":
            rows[user][0] = data["name"]
        elif user in rows and kind == "OrderPlaced":
            rows[user][2] += 1
            rows[user][3] += Decimal(data["amount"])
            rows[user][4] = datetime.fromisoformat(data["ordered_at"])
        elif user in rows and kind == "OrderCancelled":
            rows[user][2] -= 1
            rows[user][3] -= Decimal(data["amount"])
    return {user: tuple(row) for user, row in rows.items()}


def stored(connection: sqlite3.Connection) -> Rows:
    found = connection.execute(
        "SELECT user_id, name, email, order_count, round(total_spent, 2), last_order_at FROM user_stats"
    )
    return {
        user: (name, email, count, Decimal(f"{spent:.2f}"), datetime.fromisoformat(last) if last else None)
        for user, name, email, count, spent, last in found
    }
