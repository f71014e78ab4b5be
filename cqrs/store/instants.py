"""Moments in the database: exact to the microsecond, always UTC, sortable as they are stored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


def to_text(moment: datetime) -> str:
    """`2026-11-22T09:30:00.000000Z`, always 27 characters, so that text sorts as time. Naive times are refused."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone: an instant needs one.")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def from_text(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Instant(sa.types.TypeDecorator[datetime]):
    """A column of aware datetimes: ISO text on SQLite, timestamptz elsewhere. Naive values are refused."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        kind: Any = sa.Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        text = to_text(value)
        return text if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return from_text(value) if isinstance(value, str) else value.astimezone(UTC)
