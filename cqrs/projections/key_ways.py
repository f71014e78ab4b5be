"""The ways in which the projections of a program key events. Projections that key by the same field share one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cqrs.errors import KeyUnreadable
from cqrs.messages import event_name
from cqrs.projections.event_meta import PLAIN, columns_for
from cqrs.projections.fingerprint import digest, event_identity, key_identity
from cqrs.projections.projection import Handler, Projection
from cqrs.projections.routing import Raw, Router
from cqrs.readmodels.keys import key_text
from cqrs.store.records import RecordedEvent
from cqrs.store.serialization import EventTypes


@dataclass(frozen=True, slots=True)
class KeyWay:
    """`routers` tells for each type of event who knows its keys. Another fingerprint: other keys, perhaps."""

    name: str
    fingerprint: str
    routers: Mapping[str, Router]

    def texts_of(self, raw: Raw) -> list[str]:
        """The texts of the event's keys; none where a key cannot be read: no row can be meant, and the fold stops
        there."""
        router = self.routers.get(raw[1])  # a page holds the events of several ways
        try:
            return [key_text(key) for key in router.keys_of(raw)] if router else []
        except KeyUnreadable:
            return []


def ways_of(
    projections: Iterable[type[Projection]], types: EventTypes, fetch: Callable[[int], RecordedEvent | None]
) -> tuple[tuple[str, ...], dict[str, KeyWay]]:
    """The columns of the log that all of them read, and the ways by name."""
    listed = list(projections)
    columns = _columns(listed)
    handlers: dict[str, dict[str, tuple[Handler, Router]]] = {}
    for each in listed:
        router = Router(each, types, fetch, columns=columns)
        for handler in each.handlers:
            handlers.setdefault(way_name(each, handler), {})[event_name(handler.event)] = (handler, router)
    return columns, {name: _way(name, found) for name, found in handlers.items()}


def way_name(projection: type[Projection], handler: Handler) -> str:
    """Fields mean the same to every projection; a function belongs to its own."""
    if callable(handler.key):
        return f"{projection.name}:{getattr(handler.key, '__qualname__', type(handler.key).__name__)}"
    return handler.key if isinstance(handler.key, str) else ",".join(handler.key)


def _columns(projections: Iterable[type[Projection]]) -> tuple[str, ...]:
    functions = [h.key for p in projections for h in p.handlers if callable(h.key) and h.key_arity == 2]
    return columns_for(functions) if functions else PLAIN


def _way(name: str, found: Mapping[str, tuple[Handler, Router]]) -> KeyWay:
    identity: list[Any] = sorted([event_identity(h.event), key_identity(h)] for h, _ in found.values())
    return KeyWay(name, digest([name, identity]), {type_: router for type_, (_, router) in found.items()})
