"""Whether a stored row says what a derived one says, column by column, each by the rules of its type.

Decimals must be exactly equal, floats to one part in a billion, moments as instants, JSON by content; NULL is equal to
NULL alone. What does not decode as its column's type differs from everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from cqrs.errors import CqrsError, InexactValue
from cqrs.readmodels.codec import ColumnCodec, Packed
from cqrs.readmodels.row_values import Unreadable
from cqrs.readmodels.rows import Row, RowModel
from cqrs.readmodels.types import Money

#: How far two floats may lie apart, as a part of the larger one: sums depend on the order of what is added.
FLOAT_TOLERANCE = 1e-9

Same = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class ColumnDifference:
    stored: object
    expected: object


class RowComparison:
    """For the rows of one read model. Columns named by `ignore` are not looked at."""

    def __init__(self, model: RowModel, dialect: Dialect, ignore: Collection[str] = ()) -> None:
        self._columns = [_Column(column, dialect) for column in model.columns]
        self._by_name = {each.name: each for each in self._columns}
        self._compared = [(n, each) for n, each in enumerate(self._columns) if each.name not in ignore]

    def stored(self, packed: Packed) -> dict[str, object]:
        """A stored row as values; one that does not decode is Unreadable."""
        return {each.name: each.read(value) for each, value in zip(self._columns, packed, strict=False)}

    def derived(self, row: Row) -> dict[str, object]:
        return {each.name: getattr(row, each.attribute) for each in self._columns}

    def same(self, name: str, stored: object, expected: object) -> bool:
        """Whether two values of a column agree."""
        return self._by_name[name].same(stored, expected)

    def unlike(self, packed: Sequence[Packed], expected: Sequence[Packed]) -> set[int]:
        """The numbers of those rows that are not the same to the last bit, column by column: they may still agree."""
        found: set[int] = set()
        stored, derived = list(zip(*packed, strict=True)), list(zip(*expected, strict=True))
        for n, _ in self._compared if packed else ():
            one, other = stored[n], derived[n]
            if one != other or [*map(type, one)] != [*map(type, other)]:
                found.update(k for k, (a, b) in enumerate(zip(one, other, strict=True)) if not _is_same(a, b))
        return found

    def differences(self, packed: Packed, row: Row, expected: Packed) -> Mapping[str, ColumnDifference]:
        """`expected` is the derived row packed: where the driver's values are the same, nothing need be decoded."""
        found: dict[str, ColumnDifference] = {}
        for n, column in self._compared:
            if _is_same(packed[n], expected[n]):
                continue
            stored, wanted = column.read(packed[n]), getattr(row, column.attribute)
            if not column.same(stored, wanted):
                found[column.name] = ColumnDifference(stored, wanted)
        return found

    def packed_differences(self, packed: Packed, expected: Packed) -> Mapping[str, ColumnDifference]:
        """The same for two stored rows."""
        found: dict[str, ColumnDifference] = {}
        for n, column in self._compared:
            if not _is_same(packed[n], expected[n]):
                stored, wanted = column.read(packed[n]), column.read(expected[n])
                if not column.same(stored, wanted):
                    found[column.name] = ColumnDifference(stored, wanted)
        return found


def _is_same(one: Any, other: Any) -> bool:
    """Of two values as the driver has them: 1, 1.0 and true are three."""
    return one is other or (type(one) is type(other) and bool(one == other))


class _Column:
    def __init__(self, column: sa.Column[Any], dialect: Dialect) -> None:
        self.name = str(column.name)
        self.attribute = str(column.key)
        self._codec = ColumnCodec(column, dialect)
        self._kind = column.type
        self._same = _rule(column.type)

    def read(self, raw: Any) -> object:
        """Not rounded as for readers: what is stored counts."""
        if raw is None:
            return None
        if isinstance(self._kind, Money) and type(raw) in (float, int):
            return _amount(self._kind, Decimal(repr(raw)))
        if isinstance(self._kind, sa.Boolean) and raw not in (0, 1):
            return Unreadable(repr(raw))
        try:
            (value,) = self._codec.unpack([raw])
            self._codec.pack([value])
        except (CqrsError, ValueError, TypeError, ArithmeticError, RecursionError):
            return Unreadable(repr(raw))
        return value

    def same(self, stored: object, expected: object) -> bool:
        if stored is None or expected is None:
            return stored is expected
        return not isinstance(stored, Unreadable) and self._same(stored, expected)


def _amount(kind: Money, stored: Decimal) -> Decimal:
    """With the places of its column, unless it has more."""
    try:
        return kind.settled(stored)
    except InexactValue:
        return stored


def _rule(kind: sa.types.TypeEngine[Any]) -> Same:
    if isinstance(kind, sa.JSON):
        return same_json
    if isinstance(kind, sa.Float):
        return lambda one, other: math.isclose(one, other, rel_tol=FLOAT_TOLERANCE)
    return lambda one, other: bool(one == other)


def same_json(one: Any, other: Any) -> bool:
    """By content: the order of an object's names does not count, 1 and 1.0 are one number, true is none."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other)
