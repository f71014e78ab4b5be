"""The log in an SQLite file keeps the contract, also among several stores and beside foreign rows."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cqrs.clock import FixedClock
from cqrs.errors import UnstorableEvent
from cqrs.store.database import Database
from cqrs.store.sql import SqlEventStore
from cqrs.store.sqlite_log import SqliteLog
from tests.conftest import DatabaseFactory
from tests.contracts.event_store import EventStoreContract, at_once, fill, happened, key_of, positions, purchase


@pytest.fixture
def dialect() -> str:
    return "sqlite"


class TestSqlEventStore(EventStoreContract):
    @pytest.fixture
    def store(self, database: Database, clock: FixedClock) -> SqlEventStore:
        return SqlEventStore(database, clock=clock)

    def test_two_stores_on_one_file_race_for_one_key(self, new_database: DatabaseFactory) -> None:
        stores = [SqlEventStore(new_database()) for _ in range(2)]
        answers = at_once(12, lambda n: stores[n % 2].commit(purchase(key_of())))
        assert sum(answer.repeated is None for answer in answers) == 1
        assert len({answer.events or answer.repeated.events for answer in answers}) == 1
        assert stores[0].head() == 1

    def test_a_commit_elsewhere_is_noticed_by_looking(self, new_database: DatabaseFactory) -> None:
        here, elsewhere = (SqlEventStore(new_database()) for _ in range(2))
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(here.wait_beyond, 0, 10)
            elsewhere.append("order-1", [happened()])
            assert waiting.result()

    @pytest.mark.parametrize("actor", ["\ud800", "ada\udfff"])
    def test_text_that_is_no_unicode_is_refused(self, store: SqlEventStore, actor: str) -> None:
        with pytest.raises(UnstorableEvent, match="no valid text"):
            store.append("order-1", [happened(actor=actor)])
        assert store.head() == 0

    def test_positions_are_those_of_the_rows_after_numbers_were_lost(
        self, store: SqlEventStore, database: Database
    ) -> None:
        store.append("order-1", [happened()])
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE sqlite_sequence SET seq = 100")
        recorded = store.append("order-1", [happened(), happened()])
        assert positions(recorded) == [101, 102]
        assert store.read_stream("order-1", after=1) == recorded
        assert store.head() == 102

    def test_a_foreign_row_that_is_no_json_hides_no_others(self, store: SqlEventStore, database: Database) -> None:
        fill(store, 3)
        with database.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO events (stream, version, type, schema_version, data, metadata, event_id, correlation_id,"
                " actor, recorded_at) SELECT 'odd', 1, type, 1, ?, '{}', 'odd', 'c', actor, recorded_at"
                " FROM events LIMIT 1",
                ('{"broken": ',),
            )
        rows = store.raw_events(0, columns=("position", "data"))
        assert [row[0] for row in rows] == [1, 2, 3, 4]
        assert rows[3][1] == '{"broken": '
        assert store.read_all()[3].data == '{"broken": '

    def test_pages_too_large_for_one_value_are_read_row_by_row(self, store: SqlEventStore, database: Database) -> None:
        recorded = fill(store, 20)
        with database.read() as connection:
            driver: Any = connection.connection.driver_connection
            driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 600)
            values = {"after": 0, "until": 100, "limit": 100}
            select = "SELECT position FROM events WHERE position > :after AND position <= :until LIMIT :limit"
            select = select.replace("SELECT position", "SELECT position, data")
            rows = SqliteLog().fetch(connection, select, values, ("position", "data"))
            driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000_000)
        assert rows == [(event.position, event.data) for event in recorded]
