"""Whose fault an error is, and what is kept of it: enough to understand it, in text that any database stores."""

from __future__ import annotations

import traceback

import sqlalchemy as sa

from cqrs.errors import DatabaseBusy, DatabaseUnavailable, DiskFull

#: Never the fault of an event: tried again for ever, nothing is set aside for it.
INFRASTRUCTURE = (
    DatabaseBusy,
    DatabaseUnavailable,
    DiskFull,
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    MemoryError,
)

LONGEST_ERROR = 1_000
LONGEST_TRACEBACK = 8_000


def error_text(error: BaseException) -> str:
    return storable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)[:LONGEST_ERROR]


def traceback_text(error: BaseException) -> str:
    """The end of it: where it was raised."""
    return storable("".join(traceback.format_exception(error)))[-LONGEST_TRACEBACK:]


def storable(text: str) -> str:
    """NUL and halves of surrogate pairs become visible escapes: an error must not fail for what it quotes."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
