"""An SQLite file as a database: a write gate, held connections for writing, read-only connections for reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cqrs.errors import CqrsError, DatabaseBusy, DatabaseUnavailable, DiskFull
from cqrs.identifiers import new_id
from cqrs.store import sqlite
from cqrs.store.database import Database, driver_of
from cqrs.store.gate import gate_of

#: Not those that are about a statement's data: these are answers.
DRIVER_ERRORS = (sqlite3.OperationalError, DatabaseBusy, DatabaseUnavailable, DiskFull)


class SqliteDatabase(Database):
    """One SQLite file. Two objects on the same file share its write gate, however its path is spelt."""

    dialect = "sqlite"

    def __init__(self, url: sa.URL, *, root: Path) -> None:
        self._file = self.path = sqlite.file_of(url, root)
        self._gate = gate_of(self._file)
        self._writers: dict[bool, sa.Connection] = {}
        super().__init__(url.render_as_string(), sqlite.create_engine(self._file))

    @property
    def name(self) -> str:
        return str(self._file)

    @contextmanager
    def read(self, *, by_index: bool = False) -> Iterator[sa.Connection]:
        """By index always: a limit ends its search."""
        with self.explained(), self.engine.connect() as connection:
            try:
                with connection.begin():
                    yield connection
            except BaseException as error:
                if self._may_be_stuck(connection, error):
                    connection.invalidate()
                raise

    @contextmanager
    def alone(self) -> Iterator[Any]:
        with self.explained():
            pooled = self.engine.raw_connection()
            try:
                yield pooled.driver_connection
            except DRIVER_ERRORS:
                pooled.invalidate()
                raise
            finally:
                pooled.close()

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        with self._gate:
            connection = self._writer(durable and not self._relaxed)
            try:
                with self.explained(), connection.begin():
                    yield connection
            except BaseException as error:
                self._drop_if_broken(connection, error)
                raise

    def now(self, connection: sa.Connection) -> datetime:
        return sqlite.now(driver_of(connection))

    def begin_migration(self, connection: sa.Connection) -> None:
        """Nothing to do: there is one writer at a time, and no limit on its time."""

    def ping(self) -> None:
        with self.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()

    def self_test(self) -> None:
        table = f"self_test_{new_id().replace('-', '')}"
        with self.read() as connection:
            self._must(self._pragma(connection, "journal_mode") == "wal", "its file system allows no write-ahead log")
            self._must(self._pragma(connection, "foreign_keys") == 1, "foreign keys are not enforced")
            before = self._has_table(connection, table)
            with self.write(durable=False) as writer:
                writer.exec_driver_sql(f"CREATE TABLE {table} (x INTEGER)")
            self._must(self._has_table(connection, table) == before, "a read sees what was written after it began")
        self._test_rollback(table)

    def _test_rollback(self, table: str) -> None:
        try:
            with self.write(durable=False) as writer:
                writer.exec_driver_sql(f"DROP TABLE {table}")
                raise _RollBack
        except _RollBack:
            pass
        with self.read() as connection:
            self._must(self._has_table(connection, table), "a change of its tables cannot be rolled back")
        with self.write(durable=False) as writer:
            writer.exec_driver_sql(f"DROP TABLE {table}")

    @staticmethod
    def _pragma(connection: sa.Connection, name: str) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    @staticmethod
    def _has_table(connection: sa.Connection, table: str) -> bool:
        found = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,))
        return bool(found.scalar())

    def dispose(self) -> None:
        with self._gate:
            for connection in self._writers.values():
                connection.close()
            self._writers.clear()
            self.engine.dispose()

    def _writer(self, durable: bool) -> sa.Connection:
        """A held connection: taking one from the pool would cost a tenth of a small append."""
        connection = self._writers.get(durable)
        if connection is None:
            with self.explained():
                connection = self.engine.connect().execution_options(**{sqlite.IMMEDIATE: True})
                try:
                    sqlite.become_writer(driver_of(connection), durable=durable)
                except BaseException:
                    connection.invalidate()  # as a reader's it would be one that may write
                    connection.close()
                    raise
            self._writers[durable] = connection
        return connection

    @staticmethod
    def _may_be_stuck(connection: sa.Connection, error: BaseException) -> bool:
        """Whether whoever uses the connection next would meet what is left of this use: a commit that failed is not
        undone by itself, a statement that failed may keep its moment, a file that was away may fail for ever."""
        if connection.invalidated:
            return False
        return isinstance(error, DRIVER_ERRORS) or driver_of(connection).in_transaction

    def _drop_if_broken(self, connection: sa.Connection, error: BaseException) -> None:
        """After an error the held connection must be as good as new, or go."""
        if not connection.invalidated and not self._may_be_stuck(connection, error):
            return
        self._writers = {key: held for key, held in self._writers.items() if held is not connection}
        connection.invalidate()
        connection.close()

    def failure(self, error: BaseException) -> CqrsError | None:
        return sqlite.failure(error, self._file)

    def _flush(self) -> None:
        with self._gate, self.explained():
            driver_of(self._writer(True)).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


class _RollBack(Exception):
    """Leaves a write transaction without keeping what it did."""
