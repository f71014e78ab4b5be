"""The statements that write and read the rows of one generation: many rows each, as text.

Never executemany: it lets go of the interpreter at every row, and with one busy thread beside it a batch of 2,000
rows then holds the database's write lock for seconds instead of milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from cqrs.readmodels.foreign import LEAVING
from cqrs.readmodels.generations import table_name
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.types import Money, UtcDateTime

#: SQLite takes at most 32,766 values a statement, PostgreSQL 65,535.
MOST_VALUES = 32_766
MOST_ROWS = 500

#: A statement and its values.
Statement = tuple[str, tuple[Any, ...]]

#: Types whose stored form passes through SQLite's JSON unchanged; of a Float it keeps 15 of 17 digits.
JSON_SAFE = (sa.String, sa.Integer, sa.Boolean, sa.Date, sa.Uuid, sa.JSON, Money, UtcDateTime)


class RowStatements:
    def __init__(self, model: RowModel, number: int, dialect: Dialect) -> None:
        self._quote = dialect.identifier_preparer.quote
        self._mark = "?" if dialect.paramstyle == "qmark" else "%s"
        self._sqlite = dialect.name == "sqlite"
        self.table = self._quote(table_name(model, number))
        self.names = [self._quote(column.name) for column in model.columns] + ["_pos"]
        self.keys = self.names[: len(model.key_columns)]
        self.all_columns = ", ".join(self.names)
        self.json_safe = all(isinstance(column.type, JSON_SAFE) for column in model.columns)
        self._insert = f"INSERT INTO {self.table} ({self.all_columns}) VALUES "
        sets = ", ".join(f"{name} = excluded.{name}" for name in self.names[len(self.keys) :])
        self._conflict = f" ON CONFLICT ({', '.join(self.keys)}) DO UPDATE SET {sets}"

    def upserts(self, rows: Sequence[tuple[Any, ...]]) -> Iterator[Statement]:
        """Whole rows: every column is set, so that nothing of an earlier row of the same key stays behind."""
        for part in _parts(rows, len(self.names)):
            yield self._insert + self._rows(part, len(self.names)) + self._conflict, tuple(chain.from_iterable(part))

    def deletes(self, keys: Sequence[tuple[Any, ...]]) -> Iterator[Statement]:
        for part in _parts(keys, len(self.keys)):
            where, values = self._among(part)
            yield f"UPDATE {self.table} SET _pos = {LEAVING} WHERE {where}", values
            yield f"DELETE FROM {self.table} WHERE {where}", values

    def selects(self, keys: Sequence[tuple[Any, ...]]) -> Iterator[Statement]:
        for part in _parts(keys, len(self.keys)):
            where, values = self._among(part)
            yield f"SELECT {self.all_columns} FROM {self.table} WHERE {where}", values

    def select_as_json(self, keys: Sequence[tuple[Any, ...]]) -> Statement:
        """SQLite: all rows of the keys in one JSON text, because fetching lets go of the interpreter at every row."""
        plain = len(self.keys) == 1
        parts = "value" if plain else ", ".join(f"json_extract(value, '$[{n}]')" for n in range(len(self.keys)))
        among = [key for (key,) in keys] if plain else keys
        return (
            f"SELECT json_group_array(json_array({self.all_columns})) FROM {self.table} "
            f"WHERE ({', '.join(self.keys)}) IN (SELECT {parts} FROM json_each(?))"
        ), (msgspec.json.encode(among).decode(),)

    def _among(self, keys: Sequence[tuple[Any, ...]]) -> Statement:
        columns = ", ".join(self.keys)
        if len(self.keys) == 1:
            return f"{columns} IN ({', '.join([self._mark] * len(keys))})", tuple(chain.from_iterable(keys))
        return f"({columns}) IN (VALUES {self._rows(keys, len(self.keys))})", tuple(chain.from_iterable(keys))

    def _rows(self, rows: Sequence[Any], width: int) -> str:
        return many_rows(len(rows), width, self._mark)


def many_rows(count: int, width: int, mark: str = "?") -> str:
    row = f"({', '.join([mark] * width)})"
    return ", ".join([row] * count)


def _parts(rows: Sequence[tuple[Any, ...]], width: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    size = min(MOST_ROWS, MOST_VALUES // width)
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
