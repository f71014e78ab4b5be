"""A database as the rest of the program sees it: stable reads, one writer at a time, errors as sentences."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cqrs.errors import UnsafeDatabase, UnsupportedDatabase
from cqrs.identifiers import new_id
from cqrs.store import sqlite
from cqrs.store.gate import gate_of


def open_database(url: str, *, root: Path) -> Database:
    """Relative SQLite paths start at `root`. Does not connect. Raises UnsupportedDatabase for an unusable URL."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise UnsupportedDatabase(url=url, why="it is not a database URL") from None
    if parsed.get_backend_name() != "sqlite":
        raise UnsupportedDatabase(url=parsed.render_as_string(), why="only SQLite files are supported")
    path = sqlite.file_of(parsed, root)
    return Database(parsed.render_as_string(), path, sqlite.create_engine(path))


class Database:
    """One SQLite file. Two objects on the same file share its write gate, however its path is spelt."""

    dialect = "sqlite"

    def __init__(self, url: str, path: Path, engine: sa.Engine) -> None:
        self.url = url
        self.path = path
        self.engine = engine
        self._gate = gate_of(path)
        self._writers: dict[bool, sa.Connection] = {}
        self._relaxed = 0
        self._relaxed_lock = threading.Lock()
        sa.event.listen(engine, "handle_error", self._explain, retval=True)

    @property
    def name(self) -> str:
        """What people call it: the path of the file."""
        return str(self.path)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one moment from its first read to its end, and cannot write."""
        with self.engine.connect() as connection:
            driver = driver_of(connection)
            with self.explained():
                sqlite.set_read_only(driver, True)
            try:
                with self.explained(), connection.begin():
                    yield connection
            finally:
                if not connection.invalidated:
                    sqlite.set_read_only(driver, False)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """The only way to write: a transaction that commits at the end and rolls back on an error.

        Other writers of this process wait at the gate meanwhile, so do slow work and bind values before. Not to be
        nested. With `durable` a commit survives a power cut; without, the newest ones may be lost, but in order.
        """
        with self._gate:
            connection = self._writer(durable and not self._relaxed)
            try:
                with self.explained(), connection.begin():
                    yield connection
            except BaseException:
                self._drop_if_broken(connection)
                raise

    @contextmanager
    def relaxed(self) -> Iterator[None]:
        """Meanwhile `write` waits for no disk: for loading data that can be loaded again."""
        with self._relaxed_lock:
            self._relaxed += 1
        try:
            yield
        finally:
            with self._relaxed_lock:
                self._relaxed -= 1
            self._flush()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Errors of the driver inside become sentences: for code that uses the driver's cursor directly."""
        try:
            yield
        except self.engine.dialect.loaded_dbapi.Error as error:
            meaning = sqlite.failure(error, self.path)
            if meaning is None:
                raise
            raise meaning from error

    def now(self, connection: sa.Connection) -> datetime:
        """The clock of the database, which all who share it agree on."""
        return sqlite.now(driver_of(connection))

    def ping(self) -> None:
        """Raises DatabaseUnavailable when it cannot be read."""
        with self.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()

    def self_test(self) -> None:
        """Raises UnsafeDatabase when a driver, its settings or the file system break what everything here rests on."""
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

    def _must(self, promise: bool, why: str) -> None:
        if not promise:
            raise UnsafeDatabase(database=self.name, why=why)

    @staticmethod
    def _pragma(connection: sa.Connection, name: str) -> object:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

    @staticmethod
    def _has_table(connection: sa.Connection, table: str) -> bool:
        found = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE name = ?", (table,))
        return bool(found.scalar())

    def dispose(self) -> None:
        """Close every connection; the next use opens new ones."""
        with self._gate:
            for connection in self._writers.values():
                connection.close()
            self._writers.clear()
            self.engine.dispose()

    def _writer(self, durable: bool) -> sa.Connection:
        """A held connection: taking one from the pool would cost a tenth of a small append."""
        connection = self._writers.get(durable)
        if connection is None:
            connection = self.engine.connect().execution_options(**{sqlite.IMMEDIATE: True})
            sqlite.set_durable(driver_of(connection), durable)
            self._writers[durable] = connection
        return connection

    def _drop_if_broken(self, connection: sa.Connection) -> None:
        """After an error the held connection must be as good as new, or go."""
        if not connection.invalidated and not driver_of(connection).in_transaction:
            return
        self._writers = {key: held for key, held in self._writers.items() if held is not connection}
        connection.invalidate()
        connection.close()

    def _flush(self) -> None:
        """What was written without waiting for the disk is on it when this returns."""
        with self._gate, self.explained():
            driver_of(self._writer(True)).execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _explain(self, context: sa.engine.ExceptionContext) -> BaseException | None:
        return sqlite.failure(context.original_exception, self.path)


class _RollBack(Exception):
    """Leaves a write transaction without keeping what it did."""


def driver_of(connection: sa.Connection) -> Any:
    """The driver's own connection under it, inside the same transaction."""
    return connection.connection.driver_connection
