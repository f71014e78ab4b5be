"""Where a projection stopped: which keys fail behind that event, too, and setting all of them aside at once.

Nothing is guessed from what events have in common: they are folded as a worker would fold them, only so far, and a
key that fails is one whose event was tried and failed. To park them is to write what that fold came to.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from cqrs.errors import Fenced, NoKeyToSetAside, NotStopped, ParkingRefused, ReadModelMissing, RowsRefused
from cqrs.projections.careful_fold import CarefulFold
from cqrs.projections.circuit_breaker import looks_broken
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Raw, Router
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Failure, Generation, GenerationState
from cqrs.readmodels.keys import key_of_text
from cqrs.readmodels.set_aside import ParkedKey
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

#: Events that are looked at, at most, and for how long before no further ones are read.
MOST_EVENTS = 2_000
MOST_SECONDS = 0.5
PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What it would mean to set aside every key that fails up to a position."""

    #: As far as it was looked. Of what lies behind nothing is known, unless it is the head.
    until: int
    is_head: bool
    #: Looked at, with the one at which the projection stands.
    events: int
    #: In the order of their events, so the first is the one at which the projection stands; `held` is filled in.
    keys: Sequence[ParkedKey]
    #: Events that would wait for these keys, each counted once.
    held: int


class LookAhead:
    """For one projection. Handlers are called here, but nothing is written before `park`."""

    def __init__(
        self,
        projection: type[Projection],
        *,
        events: EventStore,
        types: EventTypes,
        store: ReadModelStore,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._projection = projection
        self._router = Router(projection, types, events.get)
        self._events = events
        self._store = store
        self._monotonic = monotonic

    def look(self, position: int) -> Ahead:
        """Raises NotStopped unless it stands at that position, NoKeyToSetAside, ReadModelMissing; ParkingRefused
        where looking would be dangerous, or would say nothing."""
        return self._fold(position, None)[0]

    def park(self, position: int, *, until: int, keys: Collection[str], actor: str, reason: str | None) -> Ahead:
        """Apply the events up to `until` and set aside these keys, which are exactly those that fail; one transaction.

        Raises what `look` raises; ParkingRefused, too, when other keys fail by now.
        """
        ahead, live, batch = self._fold(position, until)
        if ahead.until != until or {each.key for each in ahead.keys} != set(keys):
            raise self._refused(position, "other keys fail by now than were looked at")
        parked = [replace(each, parked_by=actor, reason=reason) for each in batch.parked]
        try:
            self._store.park_ahead(self._projection.model, live, replace(batch, parked=parked))
        except Fenced as error:
            raise self._refused(position, "it was paused meanwhile") from error
        except RowsRefused as error:
            raise self._refused(position, "the database refuses a row on the way there") from error
        return ahead

    def _fold(self, position: int, until: int | None) -> tuple[Ahead, Generation, Batch]:
        live, failure = self._standing(position)
        parked = self._store.parked_positions(live.projection, live.number)
        rows = self._store.rows(self._projection.model, live.number)
        fold = CarefulFold(
            self._router,
            rows,
            live,
            may_park=lambda key: True,
            parked={key_of_text(text, self._router.model) for text in parked} - {None},
            skips=self._store.skips(live.projection),
        )
        head = self._events.safe_head()
        end, count = live.position, 0
        for page, end in self._pages(live.position, head if until is None else min(until, head), until is None):
            fold.add(page)
            count += len(page)
            if fold.culprit is not None:
                end = fold.culprit.position - 1
                break
        first = fold.newly_parked[0] if fold.newly_parked else None
        if first is None or (first.position, first.key) != (failure.position, failure.key):
            raise self._refused(position, "that event does not fail here: let it try again")
        if looks_broken(self._store, rows, live, fold):
            raise self._refused(position, "so many keys fail that the handler is at fault")
        batch = fold.batch(end, self._event_id(end))
        return _told(batch, count, is_head=end == head), live, batch

    def _standing(self, position: int) -> tuple[Generation, Failure]:
        _, generations = self._store.generations()
        own = [each for each in generations if each.projection == self._projection.name]
        live = next((each for each in own if each.state is GenerationState.LIVE), None)
        if live is None:
            raise ReadModelMissing(name=self._projection.name)
        if live.failure is None or live.failure.position != position:
            raise NotStopped(projection=live.projection, position=position)
        if live.failure.key is None:
            raise NoKeyToSetAside(projection=live.projection, position=position)
        if live.paused_at is not None:
            raise self._refused(position, "it is paused")
        if live.suspect is not None:
            raise self._refused(position, "a process died at work on it, and this one could as well")
        return live, live.failure

    def _pages(self, after: int, until: int, hurried: bool) -> Iterator[tuple[Sequence[Raw], int]]:
        """Events in order, and how far the log is read with them. Only what is `hurried` ends when time is over."""
        began, read = self._monotonic(), 0
        while after < until and read < MOST_EVENTS:
            page = self._events.raw_events(after, until, self._router.handled, PAGE, columns=self._router.columns)
            after, read = page[-1][0] if len(page) == PAGE else until, read + len(page)
            yield page, after
            if hurried and self._monotonic() - began > MOST_SECONDS:
                return

    def _event_id(self, position: int) -> str:
        return self._events.read_back(before=position + 1, limit=1)[0].event_id

    def _refused(self, position: int, why: str) -> ParkingRefused:
        return ParkingRefused(projection=self._projection.name, position=position, why=why)


def _told(batch: Batch, count: int, *, is_head: bool) -> Ahead:
    waiting = defaultdict[str, list[int]](list)
    for text, position in batch.held:
        waiting[text].append(position)
    keys = [replace(each, held=len(waiting[each.key])) for each in batch.parked]
    held = len({position for each in keys for position in waiting[each.key]})
    return Ahead(until=batch.position, is_head=is_head, events=count, keys=keys, held=held)
