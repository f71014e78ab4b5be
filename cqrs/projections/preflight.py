"""What a replay would mean, told before it is started."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cqrs.projections.fingerprint import digest, logic_of
from cqrs.projections.fold import Fold, FoldFailed
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Router
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.shape import difference, shape_of
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

#: Rows are counted no further than this.
COUNT_CAP = 100_000
#: A new generation needs this much of what the live one takes: its pages are not packed as tightly at first.
ROOM = 1.3
#: Events folded to guess the speed of a projection that was never replayed.
PROBE = 2_000
#: Writing takes about as long as reading and folding.
WRITING = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    name: str
    title: str
    #: Positions of the log to go through, and the types that are handled.
    events: int
    handles: tuple[str, ...]
    #: In the live generation, counted up to a limit.
    rows: int
    rows_capped: bool
    generation: int
    next_generation: int
    #: Events a second: of its last replay, else of a first few events folded for nothing (`measured` is False).
    rate: float | None
    measured: bool
    seconds: float | None
    bytes_needed: int | None
    bytes_free: int | None
    lease_owner: str | None
    logic_changed: bool
    #: How the live generation differs in its columns, as the end of a sentence.
    shape_changed: str | None
    paused: bool
    parked: int
    #: A sentence; None when a replay can start.
    in_the_way: str | None
    #: Equal as long as nothing changed that the decision may rest on.
    digest: str


class PreflightReader:
    """`speed_of` gives the events a second of the last replay, `in_the_way_of` a sentence on what would refuse one."""

    def __init__(
        self,
        events: EventStore,
        types: EventTypes,
        store: ReadModelStore,
        speed_of: Callable[[str], float | None],
        in_the_way_of: Callable[[str], str | None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._events = events
        self._types = types
        self._store = store
        self._speed_of = speed_of
        self._in_the_way_of = in_the_way_of
        self._monotonic = monotonic

    def read(self, projection: type[Projection], own: list[Generation], live: Generation) -> Preflight:
        """`own` are its generations, `live` the one among them that readers see."""
        events = self._events.safe_head()
        speed = self._speed_of(projection.name)
        rate = speed or self._probe(projection, live, events)
        counted = self._store.rows(projection.model, live.number).count(COUNT_CAP + 1)
        size = self._store.bytes_of(projection.model, live.number)
        in_the_way = self._in_the_way_of(projection.name)
        facts = [live.number, live.logic, live.shape, live.halted, in_the_way]
        return Preflight(
            name=projection.name,
            title=projection.title,
            events=events,
            handles=projection.handled_types(),
            rows=min(counted, COUNT_CAP),
            rows_capped=counted > COUNT_CAP,
            generation=live.number,
            next_generation=max(each.number for each in own) + 1,
            rate=rate,
            measured=speed is not None,
            seconds=events / rate if rate else None,
            bytes_needed=None if size is None else int(size * ROOM),
            bytes_free=self._store.bytes_free(),
            lease_owner=live.owner,
            logic_changed=live.logic != logic_of(projection),
            shape_changed=difference(live.shape, shape_of(projection.model)),
            paused=live.paused_at is not None,
            parked=self._store.parked_counts().get((projection.name, live.number), 0),
            in_the_way=in_the_way,
            digest=digest([*facts, logic_of(projection), shape_of(projection.model)]),
        )

    def _probe(self, projection: type[Projection], live: Generation, head: int) -> float | None:
        """Positions a second, guessed from the first events; None when they tell nothing, or nothing is folded."""
        if not projection.keyed:
            return None
        router = Router(projection, self._types, self._events.get)
        fold = Fold(router, self._store.rows(projection.model, live.number), _from_the_start(live), complete=True)
        started = self._monotonic()
        page = self._events.raw_events(0, head, router.handled, PROBE, columns=router.columns)
        if not page:
            return None
        try:
            fold.add(page)
        except FoldFailed:
            return None
        seconds = self._monotonic() - started
        return page[-1][0] / seconds / WRITING if seconds > 0 else None


def _from_the_start(live: Generation) -> Generation:
    return replace(live, position=0, state=GenerationState.BUILDING)
