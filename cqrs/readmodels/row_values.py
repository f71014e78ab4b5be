"""Stored values as Python values: what somebody else wrote and does not decode is shown, not raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from cqrs.errors import CqrsError
from cqrs.readmodels.codec import ColumnCodec
from cqrs.readmodels.rows import RowModel


class Unreadable(str):
    """Stands for a stored value that is not of its column's type. Its text is what is stored, as Python writes it."""

    __slots__ = ()


class RowReader:
    def __init__(self, model: RowModel, columns: Sequence[sa.Column[Any]], dialect: Dialect) -> None:
        self.columns = {str(column.name): column for column in columns}
        self.keys = [str(column.name) for column in model.key_columns]
        self._codecs = {name: ColumnCodec(column, dialect) for name, column in self.columns.items()}

    def selected(self) -> list[sa.ColumnClause[Any]]:
        """Untyped, so that the driver's values arrive as they are."""
        return [sa.column(name) for name in (*self.columns, "_pos")]

    def values(self, stored: Sequence[sa.RowMapping]) -> list[dict[str, object]]:
        """Of all rows, column by column."""
        columns = [self._column(codec, [row[name] for row in stored]) for name, codec in self._codecs.items()]
        return [dict(zip(self._codecs, values, strict=True)) for values in zip(*columns, strict=True)]

    def _column(self, codec: ColumnCodec, stored: Sequence[Any]) -> Sequence[object]:
        try:
            values = codec.unpack(stored)
            codec.pack(values)
        except (CqrsError, ValueError, TypeError, ArithmeticError):
            return [self._value(codec, each) for each in stored]
        return values

    def _value(self, codec: ColumnCodec, stored: Any) -> object:
        try:
            (value,) = codec.unpack([stored])
            codec.pack([value])
        except (CqrsError, ValueError, TypeError, ArithmeticError):
            return None if stored is None else Unreadable(repr(stored))
        return value
