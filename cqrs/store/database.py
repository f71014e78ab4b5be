"""A database as the rest of the program sees it: stable reads, one writer at a time, errors as sentences."""

from __future__ import annotations

import abc
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa

from cqrs.errors import CqrsError, UnsafeDatabase
from cqrs.store.question import Question

#: Options of a statement that a server shall keep planned: asked at every request, on tables of our own, whose columns
#: stay as they are while the program runs, and with one good plan whatever the values. None that names a generation's
#: table, and no list of events.
KEEP_PLAN = {"keep_plan": True}


class Database(abc.ABC):
    """One database of one kind. Safe for use by several threads."""

    #: "sqlite" or "postgresql".
    dialect: ClassVar[str]
    url: str
    engine: sa.Engine
    #: The file of an SQLite database.
    path: Path | None = None

    def __init__(self, url: str, engine: sa.Engine) -> None:
        self.url = url
        self.engine = engine
        self._relaxed = 0
        self._relaxed_lock = threading.Lock()
        sa.event.listen(engine, "handle_error", self._explain, retval=True)

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What people call it: the path of a file, the address of a server without its password."""

    @abc.abstractmethod
    def read(self, *, by_index: bool = False) -> AbstractContextManager[sa.Connection]:
        """A connection that sees one moment from its first read to its end, and cannot write.

        With `by_index` it finds rows by an index wherever there is one, and stops where it has enough: a planner that
        expects many rows reads a whole table instead, or all of an index before the first row.
        """

    def glance(self) -> AbstractContextManager[sa.Connection]:
        """For one statement, which sees one moment by itself: as `read`, in a single round trip to a server."""
        return self.read()

    def ask(self, question: Question, **values: str | float | None) -> list[Any]:
        """The rows that answer it at one moment, in one round trip and by the shortest way."""
        with self.alone() as driver:
            return question.rows(driver, self.engine.dialect, values)

    def ask_within(self, connection: sa.Connection, question: Question, **values: str | float | None) -> list[Any]:
        """The same at the moment that a connection sees."""
        return question.rows(driver_of(connection), self.engine.dialect, values)

    @abc.abstractmethod
    def alone(self) -> AbstractContextManager[Any]:
        """The driver's own connection, on which each statement is a transaction by itself."""

    @abc.abstractmethod
    def write(self, *, durable: bool = True) -> AbstractContextManager[sa.Connection]:
        """The only way to write: a transaction that commits at the end and rolls back on an error. Not to be nested.

        On SQLite other writers of this process wait meanwhile, so do slow work and bind values before. With `durable`
        a commit survives a power cut; without, the newest ones may be lost, but in order.
        """

    @abc.abstractmethod
    def now(self, connection: sa.Connection) -> datetime:
        """The clock of the database, which all who share it agree on."""

    @abc.abstractmethod
    def begin_migration(self, connection: sa.Connection) -> None:
        """Wait in an open write transaction until no other process changes tables, and lift limits on time."""

    @abc.abstractmethod
    def ping(self) -> None:
        """Raises DatabaseUnavailable when it cannot be read."""

    @abc.abstractmethod
    def self_test(self) -> None:
        """Raises UnsafeDatabase when the database breaks what everything here rests on."""

    @abc.abstractmethod
    def dispose(self) -> None:
        """Close every connection; the next use opens new ones."""

    @abc.abstractmethod
    def failure(self, error: BaseException) -> CqrsError | None:
        """What a driver's error means to the user; None when it is the statement's fault, such as a constraint."""

    @abc.abstractmethod
    def _flush(self) -> None:
        """What was written without waiting for the disk is on it when this returns."""

    @property
    def is_relaxed(self) -> bool:
        return self._relaxed > 0

    def connections(self) -> tuple[int, int]:
        """Of this process: how many are used just now, and how many are open."""
        pool = self.engine.pool
        assert isinstance(pool, sa.QueuePool)
        return pool.checkedout(), pool.checkedout() + pool.checkedin()

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
            meaning = self.failure(error)
            if meaning is None:
                raise
            raise meaning from error

    def _explain(self, context: sa.engine.ExceptionContext) -> BaseException | None:
        return self.failure(context.original_exception)

    def _must(self, promise: bool, why: str) -> None:
        if not promise:
            raise UnsafeDatabase(database=self.name, why=why)


def driver_of(connection: sa.Connection) -> Any:
    """The driver's own connection under it, inside the same transaction."""
    return connection.connection.driver_connection
