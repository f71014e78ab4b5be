"""How a projection is doing: one word, and the figures behind it. What is not known is None, never 0."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cqrs.projections.crash_marks import MOST_DEATHS
from cqrs.projections.drift_known import NOTHING_KNOWN, DriftKnown, DriftOf, LastCheck
from cqrs.projections.fingerprint import logic_of
from cqrs.projections.projection import Projection
from cqrs.readmodels.generation import Failure, Generation, GenerationState
from cqrs.readmodels.shape import difference, shape_of
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.records import EVERYTHING, EventFilter

__all__ = ["Failure", "ProjectionStatus", "State", "StatusReader"]

STALLED_SECONDS = 60.0
#: More lag than this is catching up: what a live batch applies to begin with.
ONE_BATCH = 1_000
SILENT_LEASES = 3


class State(enum.StrEnum):
    """In the order in which they apply, worst first."""

    #: No worker reported for three lease times: whatever else is stored may be old.
    UNKNOWN = "unknown"
    FAILED = "failed"
    PAUSED = "paused"
    #: There are events to apply, and the checkpoint has not moved for a minute.
    STALLED = "stalled"
    #: A new generation is being built; readers stay on the live one.
    REPLAYING = "replaying"
    CATCHING_UP = "catching_up"
    RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionStatus:
    name: str
    title: str
    state: State
    checkpoint: int | None
    #: The safe head of the log.
    head: int
    #: Positions between the two, events it does not handle among them.
    lag_events: int | None
    #: Age of the oldest event it handles and has not applied; 0.0 when there is none.
    lag_seconds: float | None
    #: None when the checkpoint never moved.
    seconds_since_advance: float | None
    #: Events a second over the last minute.
    rate: float | None
    parked: int
    generation: int | None
    drift: DriftKnown = NOTHING_KNOWN
    failure: Failure | None = None
    paused_by: str | None = None
    paused_reason: str | None = None
    paused_at: datetime | None = None
    owner: str | None = None
    #: Of the lease: grows whenever it changes hands.
    token: int | None = None
    heartbeat_seconds: float | None = None
    handles: Sequence[str] = ()
    #: False for a SQL projection: nothing of it is parked, explained or repaired.
    keyed: bool = True
    #: What an operator should know besides: the code differs from what the rows were made by.
    note: str | None = None

    @property
    def last_check(self) -> LastCheck | None:
        return self.drift.last_check


#: Events a second, by projection.
RatesOf = Callable[[Sequence[str]], Mapping[str, float | None]]


def no_rates(_projections: Sequence[str]) -> Mapping[str, float | None]:
    return {}


class StatusReader:
    def __init__(
        self,
        events: EventStore,
        store: ReadModelStore,
        rates_of: RatesOf = no_rates,
        drift_of: DriftOf = lambda live: {},
    ) -> None:
        self._events = events
        self._store = store
        self._rates_of = rates_of
        self._drift_of = drift_of

    def read(self, projections: Sequence[type[Projection]], *, measured: bool = True) -> list[ProjectionStatus]:
        """Worst first. Checkpoints are read before the head, so no lag is ever negative.

        Unless `measured`, rates and ages are unknown.
        """
        now, generations, parked = self._store.overview()
        head = self._events.safe_head()
        names = {each.name for each in projections}
        live = {each.projection: each.id for each in generations if each.state is GenerationState.LIVE}
        drift = self._drift_of({name: generation for name, generation in live.items() if name in names})
        rates = self._rates_of([each.name for each in projections]) if measured else {}
        statuses = []
        for each in projections:
            known, rate = drift.get(each.name, NOTHING_KNOWN), rates.get(each.name)
            statuses.append(self._status(each, generations, parked, head, now, measured, known, rate))
        order = list(State)
        return sorted(statuses, key=lambda s: (order.index(s.state), -(s.lag_events or 0), s.name))

    def _status(
        self,
        projection: type[Projection],
        generations: Sequence[Generation],
        parked: dict[tuple[str, int], int],
        head: int,
        now: datetime,
        measured: bool,
        drift: DriftKnown,
        rate: float | None,
    ) -> ProjectionStatus:
        own = [each for each in generations if each.projection == projection.name]
        live = next((each for each in own if each.state is GenerationState.LIVE), None)
        if live is None:
            return _without_rows(projection, head)
        building = next((each for each in own if each.state is GenerationState.BUILDING and not each.is_scratch), None)
        return ProjectionStatus(
            name=projection.name,
            title=projection.title,
            state=self._state(live, building, head - live.position, now),
            checkpoint=live.position,
            head=head,
            lag_events=max(0, head - live.position),
            lag_seconds=self._staleness(live, projection.handled_types(), head, now) if measured else None,
            seconds_since_advance=_seconds(live.advanced_at, now),
            rate=rate,
            parked=parked.get((projection.name, live.number), 0),
            generation=live.number,
            drift=drift,
            failure=live.failure,
            paused_by=live.paused_by,
            paused_reason=live.paused_reason,
            paused_at=live.paused_at,
            owner=live.owner,
            token=live.token,
            heartbeat_seconds=_seconds(live.heartbeat_at, now),
            handles=projection.handled_types(),
            keyed=projection.keyed,
            note=_note(projection, live),
        )

    def _state(self, live: Generation, building: Generation | None, lag: int, now: datetime) -> State:
        """Whoever builds a generation shows that somebody is there, also when the live one may not be moved."""
        signs = [each.heartbeat_at for each in (live, building) if each is not None and each.heartbeat_at is not None]
        silent = _seconds(max(signs, default=None), now)
        if silent is None or silent > SILENT_LEASES * self._store.lease_seconds:
            return State.UNKNOWN
        if live.failure is not None:
            return State.FAILED
        if live.paused_at is not None:
            return State.PAUSED
        if lag > 0 and self._is_stalled(live, now):
            return State.STALLED
        if building is not None:
            return State.REPLAYING
        return State.CATCHING_UP if lag > ONE_BATCH else State.RUNNING

    def _is_stalled(self, live: Generation, now: datetime) -> bool:
        """An event that has only just come does not make a stall of the quiet hour before it."""
        if (_seconds(live.advanced_at or live.created_at, now) or 0.0) <= STALLED_SECONDS:
            return False
        return (self._age_of_next(live, EVERYTHING, None, now) or 0.0) > STALLED_SECONDS

    def _staleness(self, live: Generation, handled: Sequence[str], head: int, now: datetime) -> float:
        if head <= live.position:
            return 0.0
        return self._age_of_next(live, EventFilter(types=tuple(handled)), head, now) or 0.0

    def _age_of_next(self, live: Generation, where: EventFilter, until: int | None, now: datetime) -> float | None:
        waiting = self._events.read_all(after=live.position, until=until, limit=1, where=where)
        return _seconds(waiting[0].recorded_at, now) if waiting else None


def _seconds(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max(0.0, (now - since).total_seconds())


def _without_rows(projection: type[Projection], head: int) -> ProjectionStatus:
    return ProjectionStatus(
        name=projection.name,
        title=projection.title,
        state=State.UNKNOWN,
        checkpoint=None,
        head=head,
        lag_events=None,
        lag_seconds=None,
        seconds_since_advance=None,
        rate=None,
        parked=0,
        generation=None,
        handles=projection.handled_types(),
        keyed=projection.keyed,
        note="It has no rows yet. Run: flask --app app cqrs init-db",
    )


def _note(projection: type[Projection], live: Generation) -> str | None:
    differs = difference(live.shape, shape_of(projection.model))
    if differs is not None:
        return f"Generation {live.number} was made by other code: {differs}. It stands still until it is replayed."
    if live.stands:
        return f"Generation {live.number} was made by other code. It stands still until that is back or it is replayed."
    if live.deaths:
        died = "1 worker" if live.deaths == 1 else f"{live.deaths} workers"
        return f"{died} died with event {live.suspect:,} in hand. After {MOST_DEATHS} deaths it is set aside."
    if live.logic != logic_of(projection):
        return f"The code changed since generation {live.number} was made. A replay is recommended."
    return None
