"""A PostgreSQL database as the rest of the program sees it: stable reads, transactions, errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cqrs.errors import CqrsError
from cqrs.store import postgres
from cqrs.store.database import Database, driver_of
from cqrs.store.ordering import LOCK_SPACE

OLDEST_VERSION = 14

# Beside the locks of logs, whose second half is the number of a table and so never 0.
_MIGRATION = 0

RELAXED = b"BEGIN; SET LOCAL synchronous_commit TO off"
BY_INDEX = (
    b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    b"SET LOCAL enable_seqscan TO off; SET LOCAL enable_bitmapscan TO off"
)

#: What libpq calls a connection outside any transaction.
IDLE = 0


class PostgresDatabase(Database):
    """One database of a server. Writers do not wait for each other here, only for rows they both write."""

    dialect = "postgresql"

    def __init__(self, url: str, *, application: str = "projectionist") -> None:
        engine = postgres.create_engine(url, application=application)
        super().__init__(engine.url.set(drivername="postgresql").render_as_string(hide_password=False), engine)
        self._glances = engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def name(self) -> str:
        return postgres.shown(self.engine.url)

    @contextmanager
    def read(self, *, by_index: bool = False) -> Iterator[sa.Connection]:
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.explained(), self.engine.connect() as connection:
            if by_index:
                _begin(connection, BY_INDEX)
                yield connection
            else:
                yield connection.execution_options(**options)
            driver_of(connection).commit()  # at a rollback the driver forgets the plans that are kept

    @contextmanager
    def glance(self) -> Iterator[sa.Connection]:
        with self.explained(), self._glances.connect() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[Any]:
        with self.explained():
            pooled = self.engine.raw_connection()
            driver: Any = pooled.driver_connection
            try:
                driver.autocommit = True
                yield driver
            finally:
                if driver.closed:
                    pooled.invalidate()
                    self.engine.dispose()  # what broke it broke the others that wait there
                else:
                    driver.autocommit = False
                pooled.close()

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        with self.explained(), self.engine.connect() as connection:
            try:
                with connection.begin():
                    if self._relaxed or not durable:
                        _begin(connection, RELAXED)
                    yield connection
            except BaseException:
                # A commit that failed is not undone by itself: it would become part of the next transaction.
                if not connection.invalidated and driver_of(connection).info.transaction_status != IDLE:
                    connection.invalidate()
                raise

    def now(self, connection: sa.Connection) -> datetime:
        moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return moment.astimezone(UTC)

    def begin_migration(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET LOCAL statement_timeout TO 0")
        connection.exec_driver_sql("SET LOCAL lock_timeout TO 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_SPACE}, {_MIGRATION})")
        connection.exec_driver_sql("SET LOCAL lock_timeout TO '30s'")

    def ping(self) -> None:
        with self.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    def self_test(self) -> None:
        with self.read() as connection:
            version, encoding = connection.exec_driver_sql(
                "SELECT current_setting('server_version_num')::integer / 10000, current_setting('server_encoding')"
            ).one()
        self._must(version >= OLDEST_VERSION, f"PostgreSQL {version} is older than {OLDEST_VERSION}")
        self._must(encoding == "UTF8", f"its encoding is {encoding}, not UTF8")
        self._must(self._snapshot_is_stable(), "a read sees what was written after it began")

    def failure(self, error: BaseException) -> CqrsError | None:
        return postgres.meaning_of(error, self.engine.url)

    def dispose(self) -> None:
        self.engine.dispose()

    def _snapshot_is_stable(self) -> bool:
        seen = "SELECT pg_current_snapshot()::text"
        with self.read() as reader:
            before = reader.exec_driver_sql(seen).scalar_one()
            with self.write(durable=False) as writer:
                writer.exec_driver_sql("SELECT pg_current_xact_id()")
            return bool(reader.exec_driver_sql(seen).scalar_one() == before)

    def _flush(self) -> None:
        with self.write() as connection:
            connection.exec_driver_sql("SELECT pg_current_xact_id()")


def _begin(connection: sa.Connection, how: bytes) -> None:
    """Begins what the driver would begin with its first statement, in one round trip with what is set for it."""
    driver = driver_of(connection)
    result = driver.pgconn.exec_(how)
    if result.error_message:
        raise connection.dialect.loaded_dbapi.OperationalError(result.error_message.decode("utf-8", "replace"))
