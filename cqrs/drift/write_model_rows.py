"""The rows of a declared write model, read where they lie: in the main database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from cqrs.projections.reference import WriteModelReference
from cqrs.readmodels.rows import Key, RowModel
from cqrs.readmodels.statements import MOST_ROWS
from cqrs.store.database import Database

#: The columns that must agree, by name.
Values = Mapping[str, object]


class WriteModelRows:
    def __init__(self, database: Database, reference: WriteModelReference, model: RowModel) -> None:
        self.columns = reference.columns
        self.tables = tuple(str(table.name) for table in reference.tables)
        self._database = database
        self._composite = model.composite
        of = reference.select.subquery()
        self._keys = [of.c[column.name] for column in model.key_columns]
        self._select = sa.select(*self._keys, *(of.c[name] for name in reference.columns))

    def of_keys(self, keys: Sequence[Key]) -> dict[Key, Values]:
        found: dict[Key, Values] = {}
        with self._database.read() as connection:
            for start in range(0, len(keys), MOST_ROWS):
                among = self._key.in_(keys[start : start + MOST_ROWS])
                found |= dict(map(self._row, connection.execute(self._select.where(among))))
        return found

    def keys_after(self, after: Key | None, size: int) -> list[Key]:
        """The next keys, in the order of the database."""
        keys = sa.select(*self._keys).order_by(*self._keys).limit(size)
        behind = keys if after is None else keys.where(self._key > (sa.tuple_(*after) if self._composite else after))
        with self._database.read() as connection:
            return [self._row(row)[0] for row in connection.execute(behind)]

    @property
    def _key(self) -> sa.ColumnElement[Any]:
        return sa.tuple_(*self._keys) if self._composite else self._keys[0]

    def _row(self, row: sa.Row[Any]) -> tuple[Key, Values]:
        size = len(self._keys)
        key = tuple(row[:size]) if self._composite else row[0]
        return key, dict(zip(self.columns, row[size:], strict=False))
