"""Rows as the driver gives them, whatever somebody stored: all that a statement finds, or some at random."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from cqrs.readmodels.codec import Packed
from cqrs.readmodels.statements import RowStatements
from cqrs.store.database import driver_of

#: Places looked at in one statement, and for each row that is wanted. Where so few places hold a row, the database
#: shuffles them all.
PROBES = 2_000
MOST_PROBES_A_ROW = 16
#: As many rows as fit into a page of 8 kB, the usual size.
PLACES_A_PAGE = 291


class RandomRows:
    """Draws by place, so that it takes no longer for a large table: a place at random holds a row or none."""

    def __init__(self, connection: sa.Connection, sql: RowStatements) -> None:
        self._connection = connection
        self._sql = sql
        self._sqlite = connection.dialect.name == "sqlite"

    def draw(self, size: int) -> list[Packed]:
        """Different ones."""
        places, found = self._places(), dict[Any, Packed]()
        for _ in range(0, size * MOST_PROBES_A_ROW, PROBES):
            if places is None:
                break
            found |= {row[0]: row[1:] for row in self._probe(places)}
            if len(found) >= size:
                return random.sample(list(found.values()), size)
        return self._shuffled(size)

    def _places(self) -> tuple[int, int] | None:
        if self._sqlite:
            ends = f"SELECT min(rowid), max(rowid) FROM {self._sql.table}"
            low, high = self._connection.exec_driver_sql(ends).one()
            return None if low is None else (low, high)
        pages = "SELECT pg_relation_size(%s) / current_setting('block_size')::int"
        count = int(self._connection.exec_driver_sql(pages, (self._sql.table,)).scalar_one())
        return (0, count - 1) if count else None

    def _probe(self, places: tuple[int, int]) -> list[Packed]:
        numbers = [random.randint(*places) for _ in range(PROBES)]
        columns, table = self._sql.all_columns, self._sql.table
        if self._sqlite:
            marks = ", ".join("?" * PROBES)
            return fetch(self._connection, f"SELECT rowid, {columns} FROM {table} WHERE rowid IN ({marks})", numbers)
        tids = [f"({page},{random.randint(1, PLACES_A_PAGE)})" for page in numbers]
        select = f"SELECT ctid::text, {columns} FROM {table} WHERE ctid = ANY(%s::text[]::tid[])"
        return fetch(self._connection, select, [tids])

    def _shuffled(self, size: int) -> list[Packed]:
        select = f"SELECT {self._sql.all_columns} FROM {self._sql.table} ORDER BY random() LIMIT {size:d}"
        return fetch(self._connection, select, ())


def fetch(connection: sa.Connection, statement: str, values: Sequence[Any]) -> list[Packed]:
    driver = driver_of(connection)
    try:
        rows: list[Packed] = driver.execute(statement, tuple(values)).fetchall()
    except sqlite3.OperationalError:
        with _any_text(connection):  # somebody stored text that is not UTF-8
            rows = driver.execute(statement, tuple(values)).fetchall()
    return rows


@contextmanager
def _any_text(connection: sa.Connection) -> Iterator[None]:
    driver = driver_of(connection)
    before, driver.text_factory = driver.text_factory, lambda data: data.decode(errors="surrogateescape")
    try:
        yield
    finally:
        driver.text_factory = before
