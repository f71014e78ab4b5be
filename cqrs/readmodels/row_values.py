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
        #: Untyped, so that the driver's values arrive as they are.
        self.selected: list[sa.ColumnClause[Any]] = [sa.column(name) for name in (*self.columns, "_pos")]
        self._codecs = {name: ColumnCodec(column, dialect) for name, column in self.columns.items()}

    def values(self, stored: Sequence[Sequence[Any]]) -> list[tuple[dict[str, object], int | None]]:
        """Of rows of what is `selected`, column by column; each with its position."""
        *columns, positions = zip(*stored, strict=True) if stored else [()] * len(self.selected)
        read = [self._column(codec, column) for codec, column in zip(self._codecs.values(), columns, strict=True)]
        rows = [dict(zip(self._codecs, values, strict=True)) for values in zip(*read, strict=True)]
        return list(zip(rows, positions, strict=True))

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
