"""Which rows an event concerns, over all projections: the way from an event to what readers see of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cqrs.errors import KeyUnreadable
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Router
from cqrs.readmodels.keys import key_text
from cqrs.store.event_store import EventStore
from cqrs.store.records import RecordedEvent
from cqrs.store.serialization import EventTypes

#: Keys of one event that are told for each projection.
MOST_KEYS = 20


@dataclass(frozen=True, slots=True, order=True)
class TouchedRow:
    projection: str
    key: str


class TouchedRows:
    """SQL projections are left out: nobody can tell which rows their statements reach."""

    def __init__(self, projections: Iterable[type[Projection]], *, events: EventStore, types: EventTypes) -> None:
        self._routers = {each.name: Router(each, types, events.get) for each in projections if each.keyed}

    def of(self, *recorded: RecordedEvent) -> list[TouchedRow]:
        """By projection, each row once. Whether there is such a row now is not looked at; events whose key cannot be
        read are passed over."""
        found: dict[TouchedRow, None] = {}
        for name, router in self._routers.items():
            for event in recorded:
                if event.type not in router.routes:
                    continue
                try:
                    keys = router.keys_of(tuple(getattr(event, column) for column in router.columns))
                except KeyUnreadable:
                    continue
                found.update(dict.fromkeys(TouchedRow(name, key_text(key)) for key in keys[:MOST_KEYS]))
        return sorted(found)
