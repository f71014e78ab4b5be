"""What people type to find rows, as conditions on typed columns. Anything it cannot mean is refused with a sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
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
    datetime: "Give a time, such as 2026-01-31T12:00:00Z; without a zone it is taken as UTC.",
    UUID: "Give a UUID, such as 0190163d-8694-739b-aea5-966c26f8ad91.",
}
#: How a column can be compared, and why one cannot.
OPERATIONS: Mapping[str, str] = {
    "is": "Rows cannot be found by this column.",
    "from": "Only numbers and times can be at least something.",
    "to": "Only numbers and times can be at most something.",
    "begins": "Only texts begin with something.",
    "contains": "Only texts contain something.",
    "null": "This column always has a value.",
}
UNKNOWN_COLUMN = "There is no such column."


@dataclass(frozen=True, slots=True)
class Wanted:
    """One condition. `rank` says what an index on the column makes of it: 0 finds few rows, 2 many, None none."""

    column: str
    condition: Condition
    rank: int | None


def conditions(columns: Mapping[str, sa.Column[Any]], filters: Mapping[str, str]) -> list[Wanted]:
    """All of which hold. A filter is named by a column, or by a column, a dot and one of `OPERATIONS`.

    Raises InvalidMessage with all that is wrong.
    """
    found: list[Wanted] = []
    errors: dict[str, list[str]] = {}
    for name, text in filters.items():
        column, operation = parsed(name, columns)
        try:
            found.append(wanted(columns[column], operation, text))
        except KeyError:
            errors[name] = [UNKNOWN_COLUMN]
        except InexactValue as error:
            errors[name] = [f"No row has this value: {error.facts['why']}."]
        except (ValueError, ArithmeticError) as error:
            sentence = str(error) if isinstance(error, Unusable) else SENTENCES[python_type(columns[column])]
            errors[name] = [sentence]
    if errors:
        raise InvalidMessage(errors)
    return found


def parsed(name: str, columns: Collection[str]) -> tuple[str, str]:
    """Column and operation; without one of these it is equality."""
    column, _, operation = name.rpartition(".")
    return (column, operation) if name not in columns and operation in OPERATIONS else (name, "is")


def operations_of(column: sa.Column[Any]) -> tuple[str, ...]:
    """Those that mean something for its type."""
    return (*_comparisons(column), "null") if column.nullable else _comparisons(column)


def _comparisons(column: sa.Column[Any]) -> tuple[str, ...]:
    kind = python_type(column)
    if isinstance(column.type, sa.Enum) or kind in (bool, UUID):
        return ("is",)
    if kind is str:
        return ("is", "begins", "contains")
    return ("is", "from", "to") if kind in READERS else ()


class Unusable(ValueError):
    """Its text is the sentence."""


def wanted(column: sa.Column[Any], operation: str, text: str) -> Wanted:
    name = str(column.name)
    target: sa.ColumnClause[Any] = sa.column(column.name, column.type)
    if operation not in operations_of(column):
        raise Unusable(OPERATIONS[operation])
    if operation == "null":
        return _missing(name, target, text)
    if python_type(column) is str and not isinstance(column.type, sa.Enum):
        return _text(column, target, operation, text)
    value = _value(column, text)
    if operation == "is":
        return Wanted(name, _equal(target, value), 0)
    return Wanted(name, target >= value if operation == "from" else target <= value, 2)


def _missing(name: str, target: sa.ColumnClause[Any], text: str) -> Wanted:
    if text not in ("0", "1"):
        raise Unusable("Give 1 for rows without a value, 0 for rows with one.")
    return Wanted(name, target.is_(None), 1) if text == "1" else Wanted(name, target.is_not(None), None)


def _text(column: sa.Column[Any], target: sa.ColumnClause[Any], operation: str, text: str) -> Wanted:
    if operation == "is" and text.endswith("*"):
        operation, text = "begins", text.removesuffix("*")
    (value,) = guard_of(column)([text])
    if operation == "contains":
        return Wanted(str(column.name), target.icontains(value, autoescape=True), None)
    if operation == "begins":
        return Wanted(str(column.name), begins_with(target, value), 1 if value else None)
    return Wanted(str(column.name), _equal(target, value), 0)


def _value(column: sa.Column[Any], text: str) -> Any:
    if isinstance(column.type, sa.Enum):
        (value,) = guard_of(column)([text])
        return value
    (value,) = guard_of(column)([READERS[python_type(column)](text.strip())])
    return column.type.settled(value) if isinstance(column.type, (Money, UtcDateTime)) else value


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
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


READERS: Mapping[type, Callable[[str], Any]] = {
    int: _integer,
    Decimal: _decimal,
    float: _float,
    bool: _boolean,
    date: date.fromisoformat,
    datetime: _moment,
    UUID: UUID,
}
