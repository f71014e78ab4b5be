"""Stored values as Python values, one by one: what somebody else wrote and does not decode is shown, not raised."""

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

    def values(self, stored: sa.RowMapping) -> dict[str, object]:
        return {name: self._value(codec, stored[name]) for name, codec in self._codecs.items()}

    def _value(self, codec: ColumnCodec, stored: Any) -> object:
        try:
            (value,) = codec.unpack([stored])
            codec.pack([value])
        except (CqrsError, ValueError, TypeError, ArithmeticError):
            return None if stored is None else Unreadable(repr(stored))
        return value
