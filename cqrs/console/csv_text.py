"""Tables as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec

from cqrs.console import json_answer
from cqrs.console.filters import instant

#: A text that begins so would be run as a formula; full-width signs too, where a keyboard has them.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """One line of column names, then one line a row; what a row lacks is empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([cell(column) for column in columns])
    for row in rows:
        writer.writerow([cell(row.get(column)) for column in columns])
    return text.getvalue()


def cell(value: object) -> str:
    """NULL is empty; numbers stay numbers, negative ones too."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    text = _as_text(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _as_text(value: object) -> str:
    """As JSON has it; what is a text there, such as a UUID or bytes, stands here without its quotes."""
    if isinstance(value, str):
        return value
    encoded = json_answer.encode(value)
    return msgspec.json.decode(encoded, type=str) if encoded.startswith(b'"') else encoded.decode()
