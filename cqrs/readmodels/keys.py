"""Keys as text: in addresses, in parked rows, in the key index. One canonical text per key."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from cqrs.errors import InexactValue
from cqrs.readmodels.rows import Key, RowModel
from cqrs.readmodels.types import Money


def key_text(key: Key) -> str:
    """A text is itself; a number, date or the like is its JSON without quotes; a composite key is a JSON array."""
    if type(key) is str:
        return key
    if isinstance(key, tuple):
        return msgspec.json.encode([_settled(part) for part in key]).decode()
    return msgspec.json.encode(_settled(key)).decode().strip('"') if not isinstance(key, str) else str.__str__(key)


def key_texts(keys: Iterable[Key]) -> list[str]:
    """Of many keys, which mostly are texts."""
    return [key if type(key) is str else key_text(key) for key in keys]


def _settled(part: object) -> object:
    """Equal keys have equal texts: one moment in two zones, one amount with and without its zeros."""
    if isinstance(part, datetime):
        return part.astimezone(UTC)
    return f"{part.normalize():f}" if isinstance(part, Decimal) else part


def key_of_text(text: str, model: RowModel) -> Key | None:
    """The key that `key_text` gave this text for; None when no row of the table can have such a key."""
    key = key_as_noted(text, model)
    return key if key is not None and key_text(key) == text else None


def key_as_noted(text: str, model: RowModel) -> Key | None:
    """The same for a text that a database made of a stored key, which may be written otherwise."""
    try:
        parts = msgspec.json.decode(text, type=list[Any]) if model.composite else [text]
        if len(parts) != len(model.key_columns):
            return None
        values = tuple(_reader(column)(part) for column, part in zip(model.key_columns, parts, strict=True))
        key = values if model.composite else values[0]
        model.check_keys([key])
    except (ValueError, TypeError, ArithmeticError, InexactValue, msgspec.MsgspecError):
        return None
    return key


def _reader(column: Any) -> Callable[[Any], Any]:
    if isinstance(column.type, Money):
        return lambda part: column.type.settled(Decimal(part))
    kind = column.type.python_type
    return lambda part: msgspec.convert(part, kind, strict=type(part) is not str or kind is str)


def path_key(text: str) -> str:
    """For a segment of an address, before percent-encoding: a slash would end the segment (RFC 6901 escapes). Browsers
    take "." and ".." for ways through an address, also percent-encoded, and nothing at all for no segment."""
    if text in (".", ".."):
        return f"~2{text[1:]}"
    return text.replace("~", "~0").replace("/", "~1") or "~3"


def from_path(segment: str) -> str:
    if segment == "~3":
        return ""
    return segment.replace("~1", "/").replace("~2", ".").replace("~0", "~")
