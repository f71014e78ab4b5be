"""Events stay as they are: the database itself refuses, whoever asks."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from cqrs.store.database import Database
from cqrs.store.sql import SqlEventStore
from tests.contracts.event_store import fill


@pytest.fixture
def dialect() -> str:
    return "sqlite"


class TestImmutability:
    """The database itself refuses to change an event: here to a client that knows nothing of us."""

    @pytest.fixture
    def client(self, database: Database) -> Iterator[sqlite3.Connection]:
        fill(SqlEventStore(database), 3)
        client = sqlite3.connect(str(database.path), isolation_level=None)
        yield client
        client.close()

    ROW = (
        "SELECT {position}, {stream}, {version}, 'Forged', 1, '', '', {event_id}, '', NULL, '', '' FROM events LIMIT 1"
    )

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE events SET data = '{}' WHERE position = 2",
            "UPDATE OR REPLACE events SET position = 2 WHERE position = 3",
            "DELETE FROM events WHERE position = 3",
            "DELETE FROM events",
            "INSERT OR REPLACE INTO events " + ROW.format(position=2, stream="'x'", version=1, event_id="'x'"),
            "INSERT OR REPLACE INTO events "
            + ROW.format(position="NULL", stream="stream", version="version", event_id="'x'"),
            "INSERT OR REPLACE INTO events "
            + ROW.format(position="NULL", stream="'x'", version=1, event_id="event_id"),
            "REPLACE INTO events " + ROW.format(position=1, stream="'x'", version=1, event_id="'x'"),
        ],
    )
    def test_no_statement_changes_an_event(self, client: sqlite3.Connection, statement: str) -> None:
        before = client.execute("SELECT * FROM events").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match="events are immutable"):
            client.execute(statement)
        assert client.execute("SELECT * FROM events").fetchall() == before
