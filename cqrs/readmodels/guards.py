"""What may be stored in a column so that it reads back as the same value. Whole columns at once: that is 10x faster."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from cqrs.errors import InexactValue
from cqrs.readmodels.types import Money, UtcDateTime

Values = Sequence[Any]

#: Returns the values as they will be read again (the same object where nothing changes) or raises InexactValue.
Guard = Callable[[Values], Values]

NOTHING = type(None)


def guard_of(column: sa.Column[Any]) -> Guard:
    kind = column.type
    match kind:
        case Money():
            return _of_types({Decimal, int}, "it is not a decimal")
        case UtcDateTime():
            return _of_types({datetime}, "it is not a datetime with a time zone")
        case sa.String():
            return _text(kind.length)
        case sa.SmallInteger():
            return _integer(16)
        case sa.BigInteger():
            return _integer(64)
        case sa.Integer():
            return _integer(32)
        case sa.Float():
            return _float
        case sa.Boolean():
            return _of_types({bool}, "it is not True or False")
        case sa.Date():
            return _of_types({date}, "it is not a date")
        case sa.Uuid():
            return _of_types({UUID}, "it is not a UUID")
        case sa.LargeBinary():
            return _of_types({bytes}, "it is not bytes")
        case _:
            return _anything


def _anything(values: Values) -> Values:
    return values


def _of_types(allowed: set[type], why: str) -> Guard:
    def guard(values: Values) -> Values:
        for value in () if set(map(type, values)) <= allowed else values:
            if type(value) not in allowed:
                raise InexactValue(value=value, column="", why=why)
        return values

    return guard


def _text(length: int | None) -> Guard:
    def guard(values: Values) -> Values:
        if not set(map(type, values)) <= {str}:
            values = [_plain_text(value) for value in values]
        joined = "".join(values)
        if "\0" in joined:
            raise InexactValue(value=_first(values, "\0"), column="", why="it contains a NUL character")
        try:
            joined.encode()
        except UnicodeEncodeError:
            _refuse_surrogates(values)
        if length is not None and max(map(len, values), default=0) > length:
            raise InexactValue(value=max(values, key=len), column="", why=f"it is longer than {length} characters")
        return values

    return guard


def _plain_text(value: object) -> str:
    """Members of a text enum are stored, and read back, as their text."""
    if not isinstance(value, str):
        raise InexactValue(value=value, column="", why="it is not text")
    return str.__str__(value)


def _first(values: Values, part: str) -> object:
    return next(value for value in values if part in value)


def _refuse_surrogates(values: Values) -> None:
    for value in values:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InexactValue(value=value, column="", why="it contains half of a surrogate pair") from error


def _integer(bits: int) -> Guard:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def guard(values: Values) -> Values:
        if not set(map(type, values)) <= {int}:
            values = [_plain_integer(value) for value in values]
        if values and (min(values) < low or max(values) > high):
            wrong = next(value for value in values if not low <= value <= high)
            raise InexactValue(value=wrong, column="", why=f"it does not fit into {bits} bits")
        return values

    return guard


def _plain_integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise InexactValue(value=value, column="", why="it is not an integer")
    return int(value)


def _float(values: Values) -> Values:
    for value in values:
        if type(value) not in (float, int) or not math.isfinite(value):
            raise InexactValue(value=value, column="", why="it is not a finite number")
    return values if set(map(type, values)) <= {float} else [*map(float, values)]
