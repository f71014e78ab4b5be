"""What people type to find rows, as conditions on typed columns. Anything it cannot mean is refused with a sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from cqrs.errors import InexactValue, InvalidMessage
from cqrs.readmodels.guards import guard_of
from cqrs.readmodels.types import Money, UtcDateTime

Condition = sa.ColumnElement[bool]

SENTENCES: dict[type, str] = {
    int: "Give a whole number, such as 42.",
    Decimal: "Give an amount, such as 19.90.",
    float: "Give a number, such as 1.5.",
    bool: "Give true or false.",
    date: "Give a day, such as 2026-01-31.",
    datetime: "Give a time with its zone, such as 2026-01-31T12:00:00Z.",
    UUID: "Give a UUID, such as 0190163d-8694-739b-aea5-966c26f8ad91.",
}
UNKNOWN_COLUMN = "There is no such column."
NOT_FILTERED = "Rows cannot be found by this column."


def conditions(columns: Mapping[str, sa.Column[Any]], filters: Mapping[str, str]) -> list[Condition]:
    """One condition a filter, all of which hold. Raises InvalidMessage with all that is wrong."""
    found: list[Condition] = []
    errors: dict[str, list[str]] = {}
    for name, text in filters.items():
        try:
            found.append(condition(columns[name], text))
        except KeyError:
            errors[name] = [UNKNOWN_COLUMN]
        except InexactValue as error:
            errors[name] = [f"No row has this value: {error.facts['why']}."]
        except (ValueError, ArithmeticError) as error:
            errors[name] = [str(error) if isinstance(error, Unusable) else SENTENCES[python_type(columns[name])]]
    if errors:
        raise InvalidMessage(errors)
    return found


class Unusable(ValueError):
    """Its text is the sentence."""


def condition(column: sa.Column[Any], text: str) -> Condition:
    target: sa.ColumnClause[Any] = sa.column(column.name, column.type)
    if python_type(column) is str:
        prefix = text.endswith("*")
        (value,) = guard_of(column)([text.removesuffix("*")])
        return begins_with(target, value) if prefix else _equal(target, value)
    read = READERS.get(python_type(column))
    if read is None:
        raise Unusable(NOT_FILTERED)
    (value,) = guard_of(column)([read(text.strip())])
    exact = column.type.settled(value) if isinstance(column.type, (Money, UtcDateTime)) else value
    return _equal(target, exact)


def _equal(target: sa.ColumnClause[Any], value: Any) -> Condition:
    same: Condition = target == value
    return same


def begins_with(target: sa.ColumnClause[Any], prefix: str) -> Condition:
    """As a range, which an index can answer; LIKE cannot be, and would give % and _ a meaning."""
    end = _next_text(prefix)
    return target >= prefix if end is None else sa.and_(target >= prefix, target < end)


def _next_text(prefix: str) -> str | None:
    """The first text, by code points, that no longer begins with the prefix."""
    for index in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[index]) + 1
        point = 0xE000 if 0xD800 <= point <= 0xDFFF else point
        if point <= 0x10FFFF:
            return prefix[:index] + chr(point)
    return None


def python_type(column: sa.Column[Any]) -> type:
    if isinstance(column.type, Money):
        return Decimal
    if isinstance(column.type, UtcDateTime):
        return datetime
    return column.type.python_type


def _integer(text: str) -> int:
    if re.fullmatch(r"[+-]?[0-9]{1,19}", text) is None:
        raise ValueError
    return int(text)


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise ValueError
    return value


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _refuse()


def _refuse() -> bool:
    raise ValueError


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError
    return moment


READERS: Mapping[type, Callable[[str], Any]] = {
    int: _integer,
    Decimal: _decimal,
    float: _float,
    bool: _boolean,
    date: date.fromisoformat,
    datetime: _moment,
    UUID: UUID,
}
