"""Which rows an event concerns. The fold, the key index and whatever rests on them ask here, so that they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from cqrs.errors import CqrsError, KeyUnreadable
from cqrs.messages import event_name, event_version
from cqrs.projections.event_meta import EventMeta, columns_for, meta_class
from cqrs.projections.failures import INFRASTRUCTURE
from cqrs.projections.projection import Handler, Projection
from cqrs.readmodels.rows import Key, RowModel
from cqrs.store.records import RecordedEvent
from cqrs.store.serialization import EventTypes

#: A row of the log: the router's columns, perhaps more behind them.
Raw = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """What is done with the events of one type. With `wants_meta`, `key` and `apply` take it as last argument."""

    handler: Handler
    version: int
    #: For data of the version of today; older ones take the longer way through the upcasters.
    decode: Callable[[Any], Any]
    key: Callable[..., Any]
    apply: Callable[..., Any]
    creates: bool
    wants_meta: bool


#: One event for one of its keys: position, route, key, event, meta.
Step = tuple[int, Route, Key, Any, Any]


class Router:
    """The routes of one projection. `fetch` reads an event of the log by its position."""

    def __init__(
        self,
        projection: type[Projection],
        types: EventTypes,
        fetch: Callable[[int], RecordedEvent | None],
        *,
        columns: tuple[str, ...] | None = None,
    ) -> None:
        self.model: RowModel = projection.model
        self.types = types
        self.routes = {event_name(handler.event): _route(handler) for handler in projection.handlers}
        #: What the rows given to `steps`, `read` and `keys_of` begin with.
        self.columns = columns or columns_for(_with_meta(projection.handlers))
        self.handled = tuple(sorted(self.routes))
        self._meta = meta_class(self.columns, fetch)

    def steps(self, page: Iterable[Raw]) -> Iterator[Step]:
        """The events of a page, each for each of its keys, in order. Raises whatever decoding or a key raises.

        Nothing is kept: thousands of events held at once make the garbage collector cost as much as the fold.
        """
        routes, decode_old, new_meta = self.routes, self.types.decode, self._meta
        for raw in page:
            position, type_, version, data = raw[:4]
            route = routes[type_]
            event = route.decode(data) if version == route.version else decode_old(type_, version, data)
            if route.wants_meta:
                meta = new_meta(raw)
                key = route.key(event, meta)
            else:
                meta = None
                key = route.key(event)
            if type(key) is list:
                for each in dict.fromkeys(key):
                    yield position, route, each, event, meta
            else:
                yield position, route, key, event, meta

    def read(self, raw: Raw) -> tuple[Any, EventMeta]:
        """One event and its metadata. Raises UnreadableEvent or UnknownEventType."""
        _, type_, version, data = raw[:4]
        return self.types.decode(type_, version, data), self._meta(raw)

    def keys_of(self, raw: Raw) -> list[Key]:
        """The keys of one event, checked, each once. Raises KeyUnreadable.

        An event that cannot be decoded still belongs to a key when that is a field that can be read.
        """
        position, type_ = raw[:2]
        try:
            key = self._key(raw)
            keys = list(dict.fromkeys(key)) if type(key) is list else [key]
            self.model.check_keys(keys)
        except (*INFRASTRUCTURE, KeyUnreadable):
            raise
        except Exception as error:  # a key function is a domain's code: it may raise anything
            raise KeyUnreadable(type=type_, position=position, why=str(error).rstrip(".")) from error
        return keys

    def _key(self, raw: Raw) -> Any:
        route = self.routes[raw[1]]
        try:
            event, meta = self.read(raw)
        except CqrsError:
            if callable(route.handler.key):
                raise
            return self._key_of_data(raw, route)
        return route.key(event, meta) if route.wants_meta else route.key(event)

    def _key_of_data(self, raw: Raw, route: Route) -> Any:
        _, type_, version, data = raw[:4]
        values = self.types.upcast(type_, version, data)[-1].data
        names = _fields(route.handler)
        kinds = {field.name: field.type for field in msgspec.structs.fields(route.handler.event)}
        parts = tuple(msgspec.convert(values[name], kinds[name]) for name in names)
        return parts if self.model.composite else parts[0]


def _with_meta(handlers: Iterable[Handler]) -> Iterator[Callable[..., Any]]:
    """The functions that are given metadata."""
    for handler in handlers:
        if handler.arity == 3:
            yield handler.function
        if callable(handler.key) and handler.key_arity == 2:
            yield handler.key


def _fields(handler: Handler) -> tuple[str, ...]:
    assert not callable(handler.key)
    return (handler.key,) if isinstance(handler.key, str) else handler.key


def _route(handler: Handler) -> Route:
    key, apply = handler.key, handler.function
    # An attrgetter reads a field, or a tuple of fields, in one call into C.
    get: Callable[..., Any] = key if callable(key) else attrgetter(*_fields(handler))
    return Route(
        handler=handler,
        version=event_version(handler.event),
        decode=msgspec.json.Decoder(handler.event).decode,
        key=_last_ignored(get, 1) if handler.takes_meta and handler.key_arity == 1 else get,
        apply=_last_ignored(apply, 2) if handler.takes_meta and handler.arity == 2 else apply,
        creates=handler.creates,
        wants_meta=handler.takes_meta,
    )


def _last_ignored(function: Callable[..., Any], arity: int) -> Callable[..., Any]:
    if arity == 1:
        return lambda event, meta: function(event)
    return lambda row, event, meta: function(row, event)
