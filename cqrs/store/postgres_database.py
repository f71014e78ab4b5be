"""A PostgreSQL database as the rest of the program sees it: stable reads, transactions, errors as sentences."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cqrs.errors import UnsafeDatabase
from cqrs.store import postgres

OLDEST_VERSION = 14


class PostgresDatabase:
    """One database of a server. Writers do not wait for each other here, only for rows they both write."""

    dialect = "postgresql"
    path = None

    def __init__(self, url: str, *, application: str = "projectionist") -> None:
        self.engine = postgres.create_engine(url, application=application)
        self.url = self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._relaxed = 0
        self._relaxed_lock = threading.Lock()
        sa.event.listen(self.engine, "handle_error", self._explain, retval=True)

    @property
    def name(self) -> str:
        """What people call it: its address without the password."""
        return postgres.shown(self.engine.url)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one moment from its first read to its end, and cannot write."""
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.explained(), self.engine.connect() as connection:
            yield connection.execution_options(**options)

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """A transaction that commits at the end and rolls back on an error; each statement sees what is committed.

        With `durable` a commit survives a crash of the server; without, the newest ones may be lost, but in order.
        """
        with self.explained(), self.engine.begin() as connection:
            if self._relaxed or not durable:
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            yield connection

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
        except (self.engine.dialect.loaded_dbapi.Error, sa.exc.TimeoutError) as error:
            meaning = postgres.meaning_of(error, self.engine.url)
            if meaning is None:
                raise
            raise meaning from error

    def now(self, connection: sa.Connection) -> datetime:
        """The clock of the server, which all who share it agree on; it goes on within a transaction."""
        moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return moment.astimezone(UTC)

    def ping(self) -> None:
        """Raises DatabaseUnavailable when it cannot be read."""
        with self.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    def self_test(self) -> None:
        """Raises UnsafeDatabase when the server cannot keep what everything here rests on."""
        with self.read() as connection:
            version, encoding = connection.exec_driver_sql(
                "SELECT current_setting('server_version_num')::integer / 10000, current_setting('server_encoding')"
            ).one()
        self._must(version >= OLDEST_VERSION, f"PostgreSQL {version} is older than {OLDEST_VERSION}")
        self._must(encoding == "UTF8", f"its encoding is {encoding}, not UTF8")
        self._must(self._snapshot_is_stable(), "a read sees what was written after it began")

    def dispose(self) -> None:
        """Close every idle connection; the next use opens new ones."""
        self.engine.dispose()

    def _snapshot_is_stable(self) -> bool:
        seen = "SELECT pg_current_snapshot()::text"
        with self.read() as reader:
            before = reader.exec_driver_sql(seen).scalar_one()
            with self.write(durable=False) as writer:
                writer.exec_driver_sql("SELECT pg_current_xact_id()")
            return bool(reader.exec_driver_sql(seen).scalar_one() == before)

    def _must(self, promise: bool, why: str) -> None:
        if not promise:
            raise UnsafeDatabase(database=self.name, why=why)

    def _flush(self) -> None:
        """What was written without waiting for the disk is on it when this returns: a commit that does wait."""
        with self.write() as connection:
            connection.exec_driver_sql("SELECT pg_current_xact_id()")

    def _explain(self, context: sa.engine.ExceptionContext) -> BaseException | None:
        if context.is_disconnect:
            return postgres.lost(context.original_exception, self.engine.url)
        return postgres.meaning_of(context.original_exception, self.engine.url)
