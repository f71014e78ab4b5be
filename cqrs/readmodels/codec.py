"""Rows on their way into a database and back: exact, or refused before any transaction is open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import starmap
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from cqrs.errors import InexactValue, KeyChanged
from cqrs.readmodels.guards import NOTHING, guard_of
from cqrs.readmodels.rows import Key, Row, RowModel
from cqrs.readmodels.types import Money, UtcDateTime, moment_texts

#: The values of a row as the driver takes and gives them, in the order of the model's columns, `_pos` last.
Packed = tuple[Any, ...]

#: All values of one column.
Values = Sequence[Any]
Column = Callable[[Values], Values]

_NUMERIC, _DOUBLE = 1700, 701


class ColumnCodec:
    """One column, many values at a time."""

    def __init__(self, column: sa.Column[Any], dialect: Dialect) -> None:
        self.name = column.name
        self.attribute = column.key
        self._optional = bool(column.nullable)
        self._guard = guard_of(column)
        kind = column.type.dialect_impl(dialect)
        self._bind = _binder(column.type, dialect) or _each(kind.bind_processor(dialect))
        self._result = _reader(column.type, dialect) or _each(kind.result_processor(dialect, _number_of(kind, dialect)))
        #: A shorter way than through the database's form and back.
        self._settled = _settler(column.type)

    def pack(self, values: Sequence[Any]) -> Sequence[Any]:
        """Raises InexactValue when one of them could not be read back as it is."""
        try:
            if NOTHING in set(map(type, values)):  # a Decimal takes its time to find that it is not None
                return self._pack_with_gaps(values)
            return self._bind(self._guard(values))
        except InexactValue as error:
            raise InexactValue(value=error.facts["value"], column=self.name, why=error.facts["why"]) from None
        except (TypeError, ValueError, ArithmeticError) as error:
            raise InexactValue(value=next(iter(values)), column=self.name, why=str(error)) from error

    def _pack_with_gaps(self, values: Sequence[Any]) -> Sequence[Any]:
        if not self._optional:
            raise InexactValue(value=None, column=self.name, why="a value is required")
        present = [value for value in values if value is not None]
        stored = iter(self._bind(self._guard(present)) if present else ())
        return [None if value is None else next(stored) for value in values]

    def unpack(self, stored: Sequence[Any]) -> Sequence[Any]:
        return self._result(stored)

    def settle(self, rows: Sequence[Row], values: Sequence[Any], stored: Sequence[Any]) -> None:
        """Give the rows what would be read back for their values."""
        if self._settled is None:
            values = self.unpack(stored)
        else:
            values = [None if value is None else self._settled(value) for value in values]
        for row, value in zip(rows, values, strict=True):
            setattr(row, self.attribute, value)


def _number_of(kind: Any, dialect: Dialect) -> int | None:
    """PostgreSQL's number of a numeric type: SQLAlchemy asks for it to know what the driver returns by itself."""
    plain = getattr(kind, "impl_instance", kind)
    if dialect.name != "postgresql" or not isinstance(plain, (sa.Float, sa.Numeric)):
        return None
    return _DOUBLE if isinstance(plain, sa.Float) else _NUMERIC


def _as_they_are(values: Values) -> Values:
    return values


def _each(function: Callable[[Any], Any] | None) -> Column:
    return _as_they_are if function is None else lambda values: [*map(function, values)]


def _binder(kind: sa.types.TypeEngine[Any], dialect: Dialect) -> Column | None:
    """For types that SQLAlchemy gives the driver in a wrapping of its own, and for ours, where going through a column
    at once takes a fraction of the time; None for all others."""
    sqlite = dialect.name == "sqlite"
    match kind:
        case Money():
            return (lambda values: [*map(float, kind.settled_all(values))]) if sqlite else kind.settled_all
        case UtcDateTime():
            return (lambda values: moment_texts(kind.settled_all(values))) if sqlite else kind.settled_all
        case sa.JSON():
            return lambda values: [json.dumps(value, allow_nan=False) for value in values]
        case sa.LargeBinary():
            return _as_they_are
    return None


def _reader(kind: sa.types.TypeEngine[Any], dialect: Dialect) -> Column | None:
    """The same the other way. A NUMERIC of PostgreSQL has the places of its column already."""
    if isinstance(kind, Money) and dialect.name == "postgresql":
        return _as_they_are
    return kind.read_all if isinstance(kind, (Money, UtcDateTime)) else None


def _settler(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any] | None:
    if isinstance(kind, (Money, UtcDateTime)):
        return kind.settled
    return (lambda value: json.loads(json.dumps(value))) if isinstance(kind, sa.JSON) else None


class RowCodec:
    """All columns of a read model, for one database dialect."""

    def __init__(self, model: RowModel, dialect: Dialect) -> None:
        self.model = model
        self.columns = tuple(ColumnCodec(column, dialect) for column in model.columns)
        self.keys = self.columns[: len(model.key_columns)]

    def pack(self, keys: Sequence[Key], rows: Sequence[Row], *, settle: bool = False) -> list[Packed]:
        """Raises InexactValue or KeyChanged; `faults` tells whose.

        With `settle` the rows get the values they would be read back with: for rows that stay in memory.
        """
        if not rows:
            return []
        *values, positions = zip(*map(msgspec.structs.astuple, rows), strict=True)
        self._check_keys(keys, values)
        packed = []
        for codec, column in zip(self.columns, values, strict=True):
            stored = codec.pack(column)
            if settle and stored is not column:
                codec.settle(rows, column, stored)
            packed.append(stored)
        return list(zip(*packed, positions, strict=True))

    def _check_keys(self, keys: Sequence[Key], values: Sequence[Sequence[Any]]) -> None:
        found = list(zip(*values[: len(self.keys)], strict=True)) if self.model.composite else list(values[0])
        if found != list(keys):
            raise KeyChanged(key=next(key for key, other in zip(keys, found, strict=True) if key != other))

    def faults(self, keys: Sequence[Key], rows: Sequence[Row]) -> dict[Key, Exception]:
        """Row by row, which cannot be packed and why."""
        faults: dict[Key, Exception] = {}
        for key, row in zip(keys, rows, strict=True):
            try:
                self.pack([key], [row])
            except (InexactValue, KeyChanged) as error:
                faults[key] = error
        return faults

    def unpack(self, stored: Sequence[Packed]) -> list[Row]:
        """Rows as they are in the database. A row without `_pos` was written by somebody else: it has 0."""
        if not stored:
            return []
        *values, positions = zip(*stored, strict=True)
        columns = [codec.unpack(column) for codec, column in zip(self.columns, values, strict=True)]
        return [*starmap(self.model.row_class, zip(*columns, [position or 0 for position in positions], strict=True))]

    def pack_keys(self, keys: Iterable[Key]) -> list[tuple[Any, ...]]:
        parts = zip(*keys, strict=True) if self.model.composite else [list(keys)]
        packed = [codec.pack(list(values)) for codec, values in zip(self.keys, parts, strict=False)]
        return list(zip(*packed, strict=True))

    def unpack_keys(self, stored: Sequence[tuple[Any, ...]]) -> list[Key]:
        columns = [codec.unpack(values) for codec, values in zip(self.keys, zip(*stored, strict=True), strict=False)]
        return list(zip(*columns, strict=True)) if self.model.composite else [*columns[0]] if stored else []
