"""Column types of which a value reads back exactly as it was written, on every database. They refuse, never round."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from cqrs.errors import InexactValue

#: A double holds every decimal number of 15 significant digits exactly enough to be read back (IEEE 754, DBL_DIG).
DOUBLE_DIGITS = 15

#: Our own, because a program may change the precision of the current one.
CONTEXT = Context(prec=38, traps=[InvalidOperation])


class Money(TypeDecorator[Decimal]):
    """A decimal of at most `precision` digits, `scale` of them behind the point.

    NUMERIC on PostgreSQL. SQLite has no decimals: a REAL, so that sums and sorts are right in any tool that opens
    the file; what could not be read back exactly is refused with InexactValue. Sums are rounded to `scale` when read.
    """

    impl = sa.Float
    cache_ok = True

    def __init__(self, precision: int = DOUBLE_DIGITS, scale: int = 2) -> None:
        if not 0 <= scale < precision <= DOUBLE_DIGITS:
            raise ValueError(f"Money needs 0 <= scale < precision <= {DOUBLE_DIGITS}, not ({precision}, {scale}).")
        super().__init__()
        self.precision = precision
        self.scale = scale
        self._limit = Decimal(10) ** (precision - scale)
        self._unit = Decimal(1).scaleb(-scale)
        self._zero = Decimal(0).quantize(self._unit)

    @property
    def python_type(self) -> type[Decimal]:
        return Decimal

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Float())
        return dialect.type_descriptor(sa.Numeric(self.precision, self.scale))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        return float(self.settled(value)) if dialect.name == "sqlite" else self.settled(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(f"{value:.{self.scale}f}")

    def read_all(self, values: Sequence[Any]) -> Sequence[Decimal | None]:
        """The same for many stored values, in a third of the time."""
        if None in values:
            read = iter(self.read_all([value for value in values if value is not None]))
            return [None if value is None else next(read) for value in values]
        return [*map(Decimal, (f"%.{self.scale}f " * len(values) % tuple(values)).split())]

    def settled(self, value: Any) -> Decimal:
        """The value as it will be read: a Decimal of exactly `scale` places. InexactValue when that is another one."""
        if type(value) is int:
            value = Decimal(value)
        if not isinstance(value, Decimal):
            raise InexactValue(value=value, column="an amount of money", why="it is not a decimal")
        try:
            exact = value.quantize(self._unit, context=CONTEXT)
            fits = exact.is_finite() and -self._limit < exact < self._limit
        except InvalidOperation:
            fits = False
        if not fits:
            why = f"it is not finite, or has more than {self.precision - self.scale} digits before the point"
            raise InexactValue(value=value, column="an amount of money", why=why)
        if exact != value:
            raise InexactValue(value=value, column="an amount of money", why=f"it has more than {self.scale} places")
        return exact or self._zero  # SQLite does not keep the sign of -0.00

    def settled_all(self, values: Sequence[Decimal | int]) -> Sequence[Decimal]:
        """The same for many: nearly all are in order, which is seen at once; the rest is gone through one by one."""
        try:
            exact = [value.quantize(self._unit, context=CONTEXT) for value in values]  # type: ignore[union-attr]
            in_order = exact == [*values] and -self._limit < min(exact) and max(exact) < self._limit
        except (AttributeError, InvalidOperation, ValueError):
            in_order = False
        return [each or self._zero for each in exact] if in_order else [*map(self.settled, values)]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, aware and in UTC when read. Naive ones are refused with InexactValue.

    `timestamptz` on PostgreSQL; on SQLite text of fixed width (`2026-01-31T12:00:00.000000Z`), which sorts by time.
    """

    impl = sa.Text
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        return moment_text(self.settled(value)) if dialect.name == "sqlite" else self.settled(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        (read,) = self.read_all([value])
        return read

    def read_all(self, values: Sequence[Any]) -> list[datetime | None]:
        return [
            None
            if value is None
            else value.astimezone(UTC)
            if isinstance(value, datetime)
            else datetime.fromisoformat(value)
            for value in values
        ]

    def settled(self, value: Any) -> datetime:
        """The moment in UTC, as it will be read. Raises InexactValue for one without a zone."""
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise InexactValue(value=value, column="a moment", why="it is not a datetime with a time zone")
        return value if value.tzinfo is UTC else value.astimezone(UTC)

    def settled_all(self, values: Sequence[datetime]) -> Sequence[datetime]:
        """The same for many datetimes; the same object where they are in UTC already."""
        return values if {value.tzinfo for value in values} == {UTC} else [*map(self.settled, values)]


def moment_text(moment: datetime) -> str:
    """ISO 8601 of fixed width, microseconds and Z: what SQLite stores, and sorts rightly as text. For UTC only."""
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def moment_texts(moments: Sequence[datetime]) -> list[str]:
    """The same for many, by msgspec, which takes a twentieth of the time and leaves out microseconds that are 0."""
    whole = len("2026-01-31T12:00:00.000000Z")
    return [text if len(text) == whole else f"{text[:-1]}.000000Z" for text in msgspec.to_builtins(moments)]
