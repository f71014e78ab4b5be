"""The SQL store keeps the contract of every store of read models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import READ, upgrade
from tests.contracts.read_model_store import ReadModelStoreContract


class TestSqlReadModelStore(ReadModelStoreContract):
    @pytest.fixture
    def database(self, tmp_path: Path) -> Iterator[Database]:
        database = open_database("sqlite:///read.db", root=tmp_path)
        upgrade(database, READ)
        yield database
        database.dispose()

    @pytest.fixture
    def store(self, database: Database) -> SqlReadModelStore:
        return SqlReadModelStore(database)

    @pytest.fixture
    def expire(self, database: Database) -> Callable[[], None]:
        def run_out() -> None:
            with database.write() as connection:
                connection.exec_driver_sql("UPDATE generations SET lease_until = '2000-01-01T00:00:00.000000Z'")

        return run_out
