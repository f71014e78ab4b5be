"""One plain value against one declared type: the converted value, or a sentence about what it should have been.

Sentences never repeat the value: it may be a secret, or hostile.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect as mi

INT64 = 2**63
#: Decimals without a `max_digits` of their own: more than any money, and 1E+999999999 stays out.
MOST_DIGITS = 38

WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")
TRUE = frozenset({"true", "on", "yes", "1"})
FALSE = frozenset({"false", "off", "no", "0"})

Extra = Mapping[Any, Any]


class Refused(Exception):
    """Carries the sentence; caught where the path of the field is known."""


def text_of(kind: mi.StrType, raw: object, extra: Extra, strict: bool) -> str:
    """`extra` may hold the sentence for a text that does not match the pattern."""
    """`extra` may hold the `sentence` for a text that does not match its pattern."""
    if not isinstance(raw, str):
        raise Refused("This must be text.")
    check_text(raw)
    check_length(kind, raw, "characters")
    if kind.pattern is not None and re.search(kind.pattern, raw) is None:
        raise Refused(extra.get("sentence") or _mismatch(kind.pattern))
    return raw


def _mismatch(pattern: str) -> str:
    return "This must not be blank." if pattern == r"\S" else f"This must match {pattern}."


def check_text(raw: str) -> None:
    """No database and no UTF-8 encoder takes these, so no message may carry them."""
    if "\0" in raw:
        raise Refused("This contains a NUL character, which cannot be stored.")
    if any("\ud800" <= character <= "\udfff" for character in raw):
        raise Refused("This contains half a character (a lone surrogate), which cannot be stored.")


def check_length(kind: Any, raw: Any, what: str) -> None:
    if kind.min_length is not None and len(raw) < kind.min_length:
        raise Refused(f"Give at least {kind.min_length} {what}.")
    if kind.max_length is not None and len(raw) > kind.max_length:
        raise Refused(f"Give at most {kind.max_length} {what}.")


def whole_number_of(kind: mi.IntType, raw: object, extra: Extra, strict: bool) -> int:
    if isinstance(raw, str) and not strict and WHOLE.fullmatch(raw.strip()):
        raw = int(raw)
    if isinstance(raw, Decimal) and raw.as_tuple().exponent == 0:
        raw = INT64  # JSON integers of more than 40 digits come as Decimal
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise Refused("This must be a whole number.")
    if not -INT64 <= raw < INT64:
        raise Refused(f"This must be between {-INT64} and {INT64 - 1}.")
    check_range(kind, raw)
    return raw


def check_range(kind: mi.IntType | mi.FloatType, value: float) -> None:
    if kind.ge is not None and value < kind.ge:
        raise Refused(f"This must be {kind.ge} or more.")
    if kind.gt is not None and value <= kind.gt:
        raise Refused(f"This must be more than {kind.gt}.")
    if kind.le is not None and value > kind.le:
        raise Refused(f"This must be {kind.le} or less.")
    if kind.lt is not None and value >= kind.lt:
        raise Refused(f"This must be less than {kind.lt}.")
    if kind.multiple_of is not None and value % kind.multiple_of != 0:
        raise Refused(f"This must be a multiple of {kind.multiple_of}.")


def float_of(kind: mi.FloatType, raw: object, extra: Extra, strict: bool) -> float:
    if isinstance(raw, str) and not strict and NUMBER.fullmatch(raw.strip()):
        raw = float(raw)
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise Refused("This must be a number.")
    try:
        value = float(raw)
    except (OverflowError, ValueError):  # an int beyond the range of floats; a signalling NaN
        value = math.inf
    if not math.isfinite(value):
        raise Refused("This must be a finite number.")
    check_range(kind, value)
    return value


def decimal_of(kind: mi.DecimalType, raw: object, extra: Extra, strict: bool) -> Decimal:
    """`extra` may hold minimum, maximum, scale (decimal places) and max_digits (places included).

    With a scale, 5 becomes 5.00; more places than the scale are refused, zeros too: nothing is ever rounded.
    """
    value = _decimal(raw)
    if not value.is_finite():
        raise Refused("This must be a finite number.")
    places = max(0, -int(value.as_tuple().exponent))
    scale, most = extra.get("scale"), extra.get("max_digits", MOST_DIGITS)
    if scale is not None and places > scale:
        raise Refused(f"Give at most {scale} decimal places." if scale else "This must be a whole number.")
    if max(1, value.adjusted() + 1) + (places if scale is None else scale) > most:
        raise Refused(f"Give at most {most - (scale or 0)} digits{' before the point' if scale else ''}.")
    if extra.get("minimum") is not None and value < Decimal(extra["minimum"]):
        raise Refused(f"This must be {extra['minimum']} or more.")
    if extra.get("maximum") is not None and value > Decimal(extra["maximum"]):
        raise Refused(f"This must be {extra['maximum']} or less.")
    value = abs(value) if value.is_zero() else value
    plain = Decimal(f"{value:f}")  # 1E+2 becomes 100
    return plain if scale is None else plain.quantize(Decimal(1).scaleb(-scale), context=Context(prec=max(1, most)))


def _decimal(raw: object) -> Decimal:
    if isinstance(raw, Decimal):
        return raw
    if isinstance(raw, float):
        return Decimal(repr(raw))
    if isinstance(raw, int) and not isinstance(raw, bool):
        return Decimal(raw)
    if isinstance(raw, str) and len(raw) <= 100 and NUMBER.fullmatch(raw.strip()):
        return Decimal(raw.strip())
    raise Refused("This must be a number, such as 12.50.")


def truth_of(kind: mi.BoolType, raw: object, extra: Extra, strict: bool) -> bool:
    if isinstance(raw, str) and not strict and raw.strip().lower() in TRUE | FALSE:
        return raw.strip().lower() in TRUE
    if not isinstance(raw, bool):
        raise Refused("This must be true or false.")
    return raw


def instant_of(kind: mi.DateTimeType, raw: object, extra: Extra, strict: bool) -> datetime:
    """In UTC. A form field without a zone is taken as UTC: browsers cannot send one."""
    try:
        if isinstance(raw, str) and not strict:
            value = datetime.fromisoformat(raw.strip())
            value = value.replace(tzinfo=UTC) if value.tzinfo is None else value
        else:
            value = msgspec.convert(raw, datetime)
        if value.tzinfo is not None:
            return value.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        pass
    raise Refused("This must be a time with its zone, such as 2026-01-31T14:30:00Z.")


def choice_of(kind: mi.EnumType | mi.LiteralType, raw: object, extra: Extra, strict: bool) -> object:
    for choice, value in choices_of(kind):
        same = value == raw and type(value) is type(raw)
        if choice is raw or same or (not strict and isinstance(raw, str) and str(value) == raw):
            return choice
    raise Refused(f"Choose one of: {', '.join(str(value) for _, value in choices_of(kind))}.")


def choices_of(kind: mi.EnumType | mi.LiteralType) -> list[tuple[object, object]]:
    """(what the handler gets, what a caller sends)"""
    if isinstance(kind, mi.EnumType):
        return [(member, member.value) for member in kind.cls]
    return [(value, value) for value in kind.values]


def nothing_of(kind: mi.NoneType, raw: object, extra: Extra, strict: bool) -> None:
    if raw is not None:
        raise Refused("This must be null.")


def _standard(cls: type, wanted: str) -> Callable[[Any, object, Extra, bool], object]:
    """Types whose text forms msgspec knows."""

    def standard_of(kind: mi.Type, raw: object, extra: Extra, strict: bool) -> object:
        try:
            return msgspec.convert(raw.strip() if isinstance(raw, str) and not strict else raw, cls)
        except (msgspec.ValidationError, ValueError, OverflowError):
            raise Refused(f"This must be {wanted}.") from None

    return standard_of


#: Each takes (kind, raw, extra of the field's Meta, strict) and returns the value or raises Refused.
SINGLE: Mapping[type[mi.Type], Callable[[Any, object, Extra, bool], object]] = {
    mi.StrType: text_of,
    mi.IntType: whole_number_of,
    mi.FloatType: float_of,
    mi.DecimalType: decimal_of,
    mi.BoolType: truth_of,
    mi.DateTimeType: instant_of,
    mi.DateType: _standard(date, "a date, such as 2026-01-31"),
    mi.TimeType: _standard(time, "a time of day, such as 14:30:00"),
    mi.TimeDeltaType: _standard(timedelta, "a duration, such as PT90S"),
    mi.UUIDType: _standard(UUID, "a UUID"),
    mi.BytesType: _standard(bytes, "base64 text"),
    mi.EnumType: choice_of,
    mi.LiteralType: choice_of,
    mi.NoneType: nothing_of,
}
