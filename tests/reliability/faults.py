"""Connections that fail on purpose: before or after the n-th statement or commit they are asked for.

The program uses drivers directly where that is faster, so the faults are put under SQLAlchemy, into the drivers' own
connections and cursors.
"""

from __future__ import annotations

import enum
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from cqrs.store.database import Database


class Moment(enum.StrEnum):
    """Before: nothing of the call reaches the database. After: all of it does, only the answer is lost."""

    BEFORE = "before"
    AFTER = "after"


class Faults:
    """Counts the calls of all connections of a database, and lets one of them fail once `arm` said which.

    With `fatal` the connection is gone afterwards, as when its server or its network is; else only the call fails.
    """

    def __init__(self, database: Database, *, fatal: bool) -> None:
        self.fatal = fatal
        self._lock = threading.Lock()
        self._calls = 0
        self._at = 0
        self._moment = Moment.BEFORE
        #: The call that failed, as text; None while none did.
        self.fired: str | None = None
        connect = self._sqlite if database.dialect == "sqlite" else self._postgres
        sa.event.listen(database.engine, "do_connect", connect)

    @contextmanager
    def arm(self, n: int, moment: Moment) -> Iterator[None]:
        """Meanwhile the n-th call fails, counted from 1."""
        self._calls, self._at, self._moment, self.fired = 0, n, moment, None
        try:
            yield
        finally:
            self._at = 0

    def call(self, connection: Any, what: str, function: Any, *args: Any, **options: Any) -> Any:
        if not self._is_it(what):
            return function(*args, **options)
        if self._moment is Moment.AFTER:
            function(*args, **options)
        if self.fatal:
            connection.break_off()
        raise connection.fault()

    def _is_it(self, what: str) -> bool:
        with self._lock:
            self._calls += 1
            if self._at == 0 or self._calls != self._at:
                return False
            self.fired = what
            return True

    def _sqlite(self, _dialect: Any, _record: Any, args: Any, options: Any) -> Any:
        return sqlite3.connect(*args, **options, factory=_sqlite_class(self))

    def _postgres(self, _dialect: Any, _record: Any, args: Any, options: Any) -> Any:
        kind = _postgres_class(self)
        return kind.connect(*args, **options, cursor_factory=kind.cursor_class)


def _sqlite_class(faults: Faults) -> type[sqlite3.Connection]:
    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *args: Any) -> Any:
            self.connection.check()
            return faults.call(self.connection, statement, super().execute, statement, *args)

        def executemany(self, statement: str, *args: Any) -> Any:
            self.connection.check()
            return faults.call(self.connection, statement, super().executemany, statement, *args)

    class Connection(sqlite3.Connection):
        broken = False

        def cursor(self, *args: Any) -> Any:
            return super().cursor(Cursor)

        def execute(self, statement: str, *args: Any) -> Any:
            return self.cursor().execute(statement, *args)

        def commit(self) -> None:
            self.check()
            faults.call(self, "COMMIT", super().commit)

        def rollback(self) -> None:
            self.check()
            super().rollback()

        def fault(self) -> Exception:
            return sqlite3.OperationalError("disk I/O error")

        def check(self) -> None:
            if self.broken:
                raise self.fault()

        def break_off(self) -> None:
            super().rollback()  # which SQLite does by itself for a file it cannot write any more
            self.broken = True

    return Connection


def _postgres_class(faults: Faults) -> Any:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Any:
            return faults.call(self.connection, str(query), super().execute, query, *args, **options)

        def executemany(self, query: Any, *args: Any, **options: Any) -> Any:
            return faults.call(self.connection, str(query), super().executemany, query, *args, **options)

    class Connection(psycopg.Connection[Any]):
        cursor_class = Cursor

        def commit(self) -> None:
            faults.call(self, "COMMIT", super().commit)

        def fault(self) -> Exception:
            return psycopg.OperationalError("the connection is lost")

        def break_off(self) -> None:
            self.close()

    return Connection
