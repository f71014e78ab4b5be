"""What catching up and indexing keys come to on SQLite, written by the shortest way: for logs so long that nobody would
wait for it. Whether it is right, a full check tells."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from benchmarks import raw
from benchmarks.logs import FILL_CACHE_KIB

PROJECTION = "user_stats"
#: How the text of a key is found in the data, by the name of the way.
KEYS = {
    "user_id": "json_extract(data, '$.user_id')",
    "order_id": "json_extract(data, '$.order_id')",
    "daily_sales:day_of_order": "substr(json_extract(data, '$.ordered_at'), 1, 10)",
}


def derive(path: Path) -> None:
    """The rows of `user_stats` as of the end of the log, and all indexes of keys that were begun."""
    connection = raw.connect(path, "OFF")
    connection.execute(f"PRAGMA cache_size=-{FILL_CACHE_KIB}")
    rows = raw.fold(raw.read(connection))
    for row in rows.values():
        row[-1] = row[-1] and row[-1].replace("Z", ".000000Z")
    raw.write(connection, f"{PROJECTION}__g1", dict(sorted(rows.items())))
    position, event_id = connection.execute("SELECT max(position), event_id FROM events").fetchone()
    moved = "UPDATE generations SET position = ?, event_id = ? WHERE projection = ?"
    connection.execute(moved, (position, event_id, PROJECTION))
    for number, name in connection.execute("SELECT id, key_name FROM key_ids").fetchall():
        _index(connection, number, KEYS[name], position)
    connection.close()


def _index(connection: sqlite3.Connection, number: int, key: str, position: int) -> None:
    found = f"SELECT ?, {key} AS found, position FROM events WHERE found IS NOT NULL ORDER BY found, position"
    connection.execute(f"INSERT OR IGNORE INTO event_keys (key_id, key, position) {found}", (number,))
    connection.execute("UPDATE key_ids SET indexed_to = ? WHERE id = ?", (position, number))
