"""What handlers with a third parameter get: the facts about an event, with the attributes of Metadata.

Reading all columns of an event costs three times as much as reading those the fold needs. So only the columns that
the handlers' code names are read; should it look at another one after all, that is fetched then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from types import CodeType
from typing import Any

import msgspec

from cqrs.messages import Metadata
from cqrs.store.records import RecordedEvent

#: What is read of every event, in this order.
PLAIN = ("position", "type", "schema_version", "data")

ATTRIBUTES = tuple(field.name for field in dataclasses.fields(Metadata))


def columns_for(functions: Iterable[Callable[..., Any]]) -> tuple[str, ...]:
    """PLAIN, and the columns that the code of these functions seems to look at."""
    named = {name for function in functions for name in _names(getattr(function, "__code__", None))}
    return (*PLAIN, *(_column(name) for name in ATTRIBUTES if name in named and name not in PLAIN))


def _names(code: CodeType | None) -> Iterator[str]:
    if code is not None:
        yield from code.co_names
        for inner in code.co_consts:
            yield from _names(inner) if isinstance(inner, CodeType) else ()


def _column(attribute: str) -> str:
    return "metadata" if attribute == "extra" else attribute


class EventMeta:
    """The base of the classes that `meta_class` makes; `raw` is a row of the log."""

    __slots__ = ("_raw",)

    def __init__(self, raw: tuple[Any, ...]) -> None:
        self._raw = raw


def meta_class(columns: tuple[str, ...], fetch: Callable[[int], RecordedEvent | None]) -> type[EventMeta]:
    """For rows of these columns. `fetch` reads a whole event by its position."""
    namespace: dict[str, Any] = {name: property(_getter(_column(name), columns, fetch)) for name in ATTRIBUTES}
    return type("EventMeta", (EventMeta,), {**namespace, "__slots__": ()})


def _getter(
    column: str, columns: tuple[str, ...], fetch: Callable[[int], RecordedEvent | None]
) -> Callable[[EventMeta], Any]:
    if column not in columns:
        return lambda meta: _parsed(column, getattr(fetch(meta._raw[0]), column))
    index = columns.index(column)
    if column == "recorded_at":
        return lambda meta: datetime.fromisoformat(meta._raw[index])
    if column == "metadata":
        return lambda meta: _parsed(column, meta._raw[index])
    return lambda meta: meta._raw[index]


def _parsed(column: str, value: Any) -> Any:
    return msgspec.json.decode(value, type=dict[str, Any]) if column == "metadata" else value
