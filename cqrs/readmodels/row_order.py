"""Rows in an order, a page at a time: by a column and then by key, continued behind the last row seen."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.errors import InvalidMessage

UNKNOWN_COLUMN = "There is no such column to sort by."
NO_ORDER = "Rows cannot be sorted by this column."
UNKNOWN_CURSOR = "This is not a cursor of this list in this order. Start from its first page."
INT64 = range(-(2**63), 2**63)

Value = bool | str | int | float | None


@dataclass(frozen=True, slots=True)
class RowOrder:
    """Missing values come before all others when ascending, behind them when descending."""

    keys: Sequence[str]
    #: None: by key alone.
    column: str | None
    descending: bool

    def clauses(self) -> list[sa.ColumnElement[Any]]:
        columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in self.keys]
        keys = [column.desc() if self.descending else column.asc() for column in columns]
        if self.column is None:
            return list(keys)
        column: sa.ColumnClause[Any] = sa.column(self.column)
        return [column.desc().nulls_last() if self.descending else column.asc().nulls_first(), *keys]

    def behind(self, cursor: str) -> sa.ColumnElement[bool]:
        """The rows after the one the cursor names. Raises InvalidMessage."""
        value, keys = self._read(cursor)
        further = self._compare(tuple(sa.column(name) for name in self.keys), keys)
        if self.column is None:
            return further
        column: sa.ColumnClause[Any] = sa.column(self.column)
        if value is None:
            same = sa.and_(column.is_(None), further)
            return same if self.descending else sa.or_(same, column.is_not(None))
        same = sa.and_(column == _raw(value), further)
        beyond = sa.or_(self._compare((column,), [value]), same)
        return sa.or_(beyond, column.is_(None)) if self.descending else beyond

    def key_in(self, cursor: str) -> list[Value]:
        """Of the row the cursor names. Raises InvalidMessage."""
        return self._read(cursor)[1]

    def _compare(self, columns: tuple[sa.ColumnClause[Any], ...], values: Sequence[Value]) -> sa.ColumnElement[bool]:
        left = sa.tuple_(*columns) if len(columns) > 1 else columns[0]
        right = sa.tuple_(*map(_raw, values)) if len(columns) > 1 else _raw(values[0])
        return left < right if self.descending else left > right

    def cursor(self, row: Mapping[Any, Any]) -> str:
        """Names a row, given as it is stored."""
        value = None if self.column is None else row[self.column]
        parts = [self._name(), value, [row[name] for name in self.keys]]
        return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")

    def _read(self, cursor: str) -> tuple[Value, list[Value]]:
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            name, value, keys = msgspec.json.decode(text, type=tuple[str, Value, list[Value]])
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            raise InvalidMessage({"cursor": [UNKNOWN_CURSOR]}) from None
        too_wide = any(isinstance(part, int) and part not in INT64 for part in (value, *keys))
        if name != self._name() or len(keys) != len(self.keys) or None in keys or too_wide:
            raise InvalidMessage({"cursor": [UNKNOWN_CURSOR]})
        return value, keys

    def _name(self) -> str:
        return f"{'-' if self.descending else ''}{self.column or ''}"


def has_order(column: sa.Column[Any]) -> bool:
    """PostgreSQL compares no JSON; and a cursor would hold all of such a value, also what is masked in it."""
    return not isinstance(column.type, sa.JSON | sa.LargeBinary)


def order_of(sort: str | None, columns: Mapping[str, sa.Column[Any]], keys: Sequence[str]) -> RowOrder:
    """`sort` is a column, or one with a minus before it for descending. Raises InvalidMessage."""
    descending = sort is not None and sort.startswith("-")
    column = None if not sort else sort.removeprefix("-")
    if column is not None and column not in columns:
        raise InvalidMessage({"sort": [UNKNOWN_COLUMN]})
    if column is not None and column not in keys and not has_order(columns[column]):
        raise InvalidMessage({"sort": [NO_ORDER]})
    return RowOrder(keys, None if [column] == list(keys) else column, descending)


def _raw(value: Value) -> sa.BindParameter[Any]:
    """As the database stored it: no type may change it on the way."""
    return sa.bindparam(None, value, type_=sa.types.NullType(), unique=True)
