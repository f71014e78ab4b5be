"""Parked keys are let go: their events are applied in order, once, and from then on like those of any other key.

The row is derived again from all events of its key. Most of that is done before the checkpoint is held; what came
meanwhile is added inside the one transaction that writes the row and forgets that the key was parked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cqrs.errors import KeyUnreadable, RowsRefused
from cqrs.projections.careful_fold import ATTEMPTS, CarefulFold, parked_key
from cqrs.projections.failures import error_text, traceback_text
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Raw, Router
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.keys import key_of_text, key_text
from cqrs.readmodels.rows import Row
from cqrs.readmodels.set_aside import ParkedKey, Settled, Skip, Skips
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

#: Events read at a time where no index knows those of a key.
PAGE = 5_000

#: From a projection's name, the text of a key and a position to the positions of the key's events up to there.
PositionsOf = Callable[[str, str, int], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Released:
    """What trying again came to."""

    #: The texts of the keys that are parked no longer.
    keys: Sequence[str]
    #: Those that failed again, with the error of now, as they are parked now.
    failed: Sequence[ParkedKey]


class Releaser:
    """For one projection. Without an index the log is searched for the events of a key."""

    def __init__(
        self,
        projection: type[Projection],
        *,
        events: EventStore,
        types: EventTypes,
        store: ReadModelStore,
        positions_of: PositionsOf | None,
    ) -> None:
        self._projection = projection
        self._router = Router(projection, types, events.get)
        self._events = events
        self._store = store
        self._positions_of = positions_of

    def release(self, generation: Generation, parked: ParkedKey, skip: Skip | None = None) -> ParkedKey | None:
        """Returns how the key fails now, None when it is parked no longer. Raises KeyNotParked."""
        skips = _with(self._store.skips(self._projection.name), parked.key, skip)
        failing = self._not_reached(generation, parked, skips)
        if failing is not None:
            return self._settle(generation, parked, lambda position: Settled(parked=failing), skip)
        derivation = self._derivation(generation, parked, skips)
        derivation.advance(generation.position)
        try:
            return self._settle(generation, parked, derivation.settled, skip)
        except RowsRefused as error:
            refused = _failing(parked, error)
            return self._settle(generation, parked, lambda position: Settled(parked=refused), skip)

    def _not_reached(self, generation: Generation, parked: ParkedKey, skips: Skips) -> ParkedKey | None:
        """How a key fails that was parked by hand at an event the checkpoint has not passed yet: released without this
        look, it would only stop the projection again."""
        if parked.position <= generation.position:
            return None
        ahead = self._derivation(generation, parked, skips)
        return ahead.settled(parked.position).parked

    def _settle(
        self, generation: Generation, parked: ParkedKey, derive: Callable[[int], Settled], skip: Skip | None
    ) -> ParkedKey | None:
        model = self._projection.model
        return self._store.settle_parked(model, generation.number, parked.key, derive, skip=skip).parked

    def _derivation(self, generation: Generation, parked: ParkedKey, skips: Skips) -> _Derivation:
        fold = CarefulFold(
            self._router,
            self._store.rows(self._projection.model, generation.number),
            generation,
            may_park=lambda key: False,
            parked=set(),
            skips=skips,
        )
        return _Derivation(fold, parked, self._read)

    def _read(self, key: str, after: int, until: int) -> Sequence[Raw]:
        """The key's events in between, in order: by the index when there is much to search."""
        if self._positions_of is None or until - after <= PAGE:
            return self._search(key, after, until)
        positions = [each for each in self._positions_of(self._projection.name, key, until) if each > after]
        return [self._raw(position) for position in positions]

    def _raw(self, position: int) -> Raw:
        router = self._router
        return self._events.raw_events(position - 1, position, router.handled, 1, columns=router.columns)[0]

    def _search(self, key: str, after: int, until: int) -> Sequence[Raw]:
        router, found = self._router, list[Raw]()
        while after < until:
            page = self._events.raw_events(after, until, router.handled, PAGE, columns=router.columns)
            found += [raw for raw in page if self._concerns(key, raw)]
            after = page[-1][0] if len(page) == PAGE else until
        return found

    def _concerns(self, key: str, raw: Raw) -> bool:
        try:
            return any(key_text(each) == key for each in self._router.keys_of(raw))
        except KeyUnreadable:
            return False


class _Derivation:
    """One key's row, derived from nothing, a little further each time."""

    def __init__(self, fold: CarefulFold, parked: ParkedKey, read: Callable[[str, int, int], Sequence[Raw]]) -> None:
        self._fold = fold
        self._parked = parked
        self._read = read
        self._key = key_of_text(parked.key, fold.router.model)
        self._row: Row | None = None
        self._position = 0

    def advance(self, until: int) -> None:
        if self._position < until and self._fold.culprit is None:
            events = self._read(self._parked.key, self._position, until)
            self._row = self._fold.follow(self._key, self._row, events)
            self._position = until

    def settled(self, position: int) -> Settled:
        self.advance(position)
        culprit, failing = self._fold.culprit, None
        if culprit is not None:
            failing = parked_key(self._key, culprit.position, culprit.event_type, culprit.error)
        if self._row is None:
            return Settled(delete=True, parked=failing)
        return Settled(upsert=self._fold.stored.pack([self._key], [self._row]), parked=failing)


def _with(skips: Skips, key: str, skip: Skip | None) -> Skips:
    if skip is None:
        return skips
    return {**skips, skip.position: {*skips.get(skip.position, ()), key}}


def _failing(parked: ParkedKey, error: Exception) -> ParkedKey:
    return replace(parked, error=error_text(error), traceback=traceback_text(error), attempts=ATTEMPTS)
