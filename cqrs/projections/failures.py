"""Whose fault an error is, and what is kept of it: enough to understand it, in text that any database stores."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

import msgspec
import sqlalchemy as sa

from cqrs.errors import DatabaseBusy, DatabaseUnavailable, DiskFull
from cqrs.masking import sensitive_texts, without

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


#: Where an error keeps what must not be told of it.
_HIDDEN = "_cqrs_hidden"


def error_text(error: BaseException) -> str:
    """Without the secrets of the event and the row it was raised for, where `conceal` was told of them."""
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return storable(without(told, _hidden_in(error)))[:LONGEST_ERROR]


def traceback_text(error: BaseException) -> str:
    """The end of it: where it was raised."""
    return storable(without("".join(traceback.format_exception(error)), _hidden_in(error)))[-LONGEST_TRACEBACK:]


def conceal(error: BaseException, *seen: object) -> None:
    """A handler may quote what it was given (`int("4012…")`): what is masked there is not told of this error. `seen`
    are events and rows, or the payload as stored."""
    hidden = set(_hidden_in(error))
    for each in seen:
        try:
            if isinstance(each, str | bytes | msgspec.Raw):
                plain = msgspec.json.decode(each)
            else:
                plain = msgspec.to_builtins(each, enc_hook=str)
        except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
            continue  # what cannot be read was not quoted
        hidden.update(sensitive_texts(plain))
    setattr(error, _HIDDEN, hidden)


def _hidden_in(error: BaseException) -> Iterable[str]:
    hidden: Iterable[str] = getattr(error, _HIDDEN, ())
    return hidden


def storable(text: str) -> str:
    """NUL and halves of surrogate pairs become visible escapes: an error must not fail for what it quotes."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
