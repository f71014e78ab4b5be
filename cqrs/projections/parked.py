"""Keys that are set aside: by hand where a projection stopped, shown page by page, tried again, or let go without the
event they failed at."""

from __future__ import annotations

import base64
import binascii
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cqrs.errors import InvalidMessage, KeyNotParked, ReadModelMissing
from cqrs.projections.careful_fold import ATTEMPTS
from cqrs.projections.projection import Projection
from cqrs.projections.release import PositionsOf, Released, Releaser
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.set_aside import Park, ParkedKey, Skip
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

__all__ = ["ParkedKey", "ParkedKeys", "ParkedPage", "SetAside"]


@dataclass(frozen=True, slots=True)
class ParkedPage:
    items: Sequence[ParkedKey]
    next: str | None


class SetAside(enum.Enum):
    """Why an event before the checkpoint is not in the rows."""

    PARKED = "parked"
    #: Behind a parked event of the same key.
    WAITING = "waiting"
    SKIPPED = "skipped"


class ParkedKeys:
    """Of the live generations. One that is being built meets the same failures, or does not, by itself."""

    def __init__(
        self, *, events: EventStore, types: EventTypes, store: ReadModelStore, positions_of: PositionsOf | None
    ) -> None:
        self._events = events
        self._types = types
        self._store = store
        self._positions_of = positions_of

    def page(self, name: str, cursor: str | None, limit: int) -> ParkedPage:
        """Ordered by key. Raises InvalidMessage for a cursor that is none."""
        after = None if cursor is None else _after(cursor)
        items = self._store.parked(name, self._live(name).number, after=after, limit=limit + 1)
        more = len(items) > limit
        return ParkedPage(items[:limit], _cursor(items[limit - 1].key) if more else None)

    def set_aside(self, name: str, position: int) -> SetAside | None:
        """None for an event that was applied, at least to other keys than those that are parked."""
        found = self._store.set_aside(name, self._live(name).number, position)
        return None if found is None else SetAside(found)

    def retry(self, projection: type[Projection], key: str) -> Released:
        """Raises KeyNotParked."""
        parked = self._find(projection.name, key)
        if parked is None:
            raise KeyNotParked(projection=projection.name, key=key)
        return self._release(projection, [key])

    def retry_all(self, projection: type[Projection]) -> Released:
        live = self._live(projection.name)
        return self._release(projection, sorted(self._store.parked_positions(live.projection, live.number)))

    def skip(self, projection: type[Projection], key: str, *, reason: str, actor: str) -> Released:
        """Raises KeyNotParked; InvalidMessage without a reason."""
        reason = _required(reason)
        parked = self._find(projection.name, key)
        if parked is None:
            raise KeyNotParked(projection=projection.name, key=key)
        return self._release(projection, [key], Skip(parked.position, actor, reason))

    def park_failing(self, projection: type[Projection], position: int, *, actor: str, reason: str | None) -> ParkedKey:
        """Raises NotStopped, NoKeyToSetAside, ReadModelMissing."""
        parked = self._store.park_failing(projection.name, Park(position, actor, reason, ATTEMPTS))
        return self._find(projection.name, parked.key) or parked

    def skip_failing(self, projection: type[Projection], position: int, *, reason: str, actor: str) -> str:
        """Raises NotStopped, NoKeyToSetAside, ReadModelMissing; InvalidMessage without a reason."""
        return self._store.skip_failing(projection.name, Skip(position, actor, _required(reason)))

    def _release(self, projection: type[Projection], keys: Iterable[str], skip: Skip | None = None) -> Released:
        releaser = Releaser(
            projection, events=self._events, types=self._types, store=self._store, positions_of=self._positions_of
        )
        released, failed = [], []
        for key in keys:
            parked = self._find(projection.name, key)
            failing = releaser.release(self._live(projection.name), parked, skip) if parked is not None else None
            if failing is None:
                released.append(key)
            else:
                failed.append(self._find(projection.name, key) or failing)
        return Released(released, failed)

    def _find(self, name: str, key: str) -> ParkedKey | None:
        return self._store.find_parked(name, self._live(name).number, key)

    def _live(self, name: str) -> Generation:
        _, generations = self._store.generations()
        for each in generations:
            if each.projection == name and each.state is GenerationState.LIVE:
                return each
        raise ReadModelMissing(name=name)


def _required(reason: str) -> str:
    if not reason.strip():
        raise InvalidMessage({"reason": ["Say why: nobody will apply this event to this key again."]})
    return reason.strip()


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _after(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError, ValueError):
        raise InvalidMessage({"cursor": ["This is not a cursor of this list. Start from its first page."]}) from None
