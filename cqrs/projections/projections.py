"""All projections of a program: what the runtime, the console and the command line call."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

from cqrs.errors import (
    GenerationStands,
    NotFound,
    NothingToRollBack,
    NotKeyed,
    ReadModelMissing,
    RollBackRefused,
)
from cqrs.identifiers import new_id
from cqrs.projections.ahead import Ahead, LookAhead
from cqrs.projections.building import Workshop
from cqrs.projections.checkpoints import Checkpoints
from cqrs.projections.crash_marks import OneAtATime
from cqrs.projections.drift_known import DriftOf
from cqrs.projections.dropping import drop_old
from cqrs.projections.engine import Sizes
from cqrs.projections.fingerprint import logic_of
from cqrs.projections.generation_info import GenerationInfo, generation_infos
from cqrs.projections.parked import ParkedKey, ParkedKeys, ParkedPage, SetAside
from cqrs.projections.preflight import COUNT_CAP, Preflight, PreflightReader
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.projections.release import PositionsOf, Released
from cqrs.projections.replay import Replay
from cqrs.projections.rollback import RollBack
from cqrs.projections.runner import Runner
from cqrs.projections.scratch import Scratch
from cqrs.projections.skipped import SkippedPage, skipped_page
from cqrs.projections.status import ProjectionStatus, RatesOf, StatusReader, no_rates
from cqrs.readmodels.generation import Generation, GenerationId, GenerationState
from cqrs.readmodels.shape import difference, shape_of
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.reports import Count
from cqrs.store.serialization import EventTypes

#: How long to leave a worker alone that is doing what was asked for.
WAIT_SECONDS = 0.1


class Projections:
    """`rates_of` gives the events a second projections applied lately, from whoever keeps samples; `speed_of` those
    of its last replay, `in_the_way_of` a sentence on what would refuse one now, `drift_of` what checks have found."""

    def __init__(
        self,
        projections: Iterable[type[Projection]],
        *,
        events: EventStore,
        types: EventTypes,
        store: ReadModelStore,
        rates_of: RatesOf = no_rates,
        speed_of: Callable[[str], float | None] = lambda name: None,
        in_the_way_of: Callable[[str], str | None] = lambda name: None,
        drift_of: DriftOf = lambda live: {},
        sizes: Sizes | None = None,
        positions_of: PositionsOf | None = None,
    ) -> None:
        self._projections = {each.name: each for each in projections}
        self._events = events
        self._types = types
        self._store = store
        self._sizes = sizes
        self._one_at_a_time = OneAtATime()
        self._parked = ParkedKeys(events=events, types=types, store=store, positions_of=positions_of)
        self._status = StatusReader(events, store, rates_of, drift_of)
        self._preflight = PreflightReader(events, types, store, speed_of, in_the_way_of)
        self._checkpoints = Checkpoints(self._read_checkpoints)

    def names(self) -> tuple[str, ...]:
        return tuple(self._projections)

    def definition(self, name: str) -> type[Projection]:
        """Raises NotFound."""
        if name not in self._projections:
            raise NotFound(what="projection", name=name)
        return self._projections[name]

    def keyed(self, name: str) -> type[Projection]:
        """The definition of one whose events belong to rows. Raises NotFound; NotKeyed for a SQL projection."""
        definition = self.definition(name)
        if not definition.keyed:
            raise NotKeyed(projection=name)
        return definition

    def handled_types(self, name: str) -> tuple[str, ...]:
        return self.definition(name).handled_types()

    def ensure(self) -> None:
        """Create the first generation and the view of each projection that has none. Repeatable."""
        for each in self._projections.values():
            self._store.ensure(each.model, shape=shape_of(each.model), logic=logic_of(each))

    def create_generation(self, name: str) -> int:
        """An empty generation beside the live one, for `runner(name, owner, generation=…)` to build."""
        each = self.definition(name)
        return self._store.create(each.model, shape=shape_of(each.model), logic=logic_of(each)).number

    # How they are doing

    def statuses(self, *, measured: bool = True) -> list[ProjectionStatus]:
        """Worst first. Unless `measured`, rates and ages are unknown: they take a query for each projection."""
        return self._status.read(list(self._projections.values()), measured=measured)

    def status(self, name: str) -> ProjectionStatus:
        (status,) = self._status.read([self.definition(name)])
        return status

    def parked(self, name: str, *, cursor: str | None = None, limit: int = 50) -> ParkedPage:
        """Parked keys of the live generation, ordered by key. Raises InvalidMessage for a cursor that is none."""
        self.definition(name)
        return self._parked.page(name, cursor, limit)

    def skipped(self, name: str, *, cursor: str | None = None, limit: int = 50) -> SkippedPage:
        """Events that were passed over, the newest first. Raises InvalidMessage for a cursor that is none."""
        self.definition(name)
        return skipped_page(self._store, name, cursor, limit)

    def set_aside(self, name: str, position: int) -> SetAside | None:
        """Whether the event at a position is parked, waits behind one that is, or was skipped, in the live generation.

        Raises ReadModelMissing.
        """
        return self._parked.set_aside(name, position)

    def generations(self, name: str) -> list[GenerationInfo]:
        """The newest first. Raises NotFound."""
        return generation_infos(self.definition(name), self._own(name), self._store.parked_counts())

    def row_count(self, name: str, generation: int) -> Count:
        """Rows in a generation's first table, counted up to `COUNT_CAP`. Raises NotFound."""
        counted = self._store.rows(self.definition(name).model, generation).count(COUNT_CAP + 1)
        return Count.up_to(COUNT_CAP, counted)

    def live_id(self, name: str) -> GenerationId | None:
        """Of the generation that readers see. Raises NotFound."""
        return next((each.id for each in self._own(name) if each.state is GenerationState.LIVE), None)

    def live_number(self, name: str) -> int | None:
        """Of the generation that readers see. Raises NotFound."""
        found = self.live_id(name)
        return None if found is None else found.number

    def preflight(self, name: str) -> Preflight:
        """What a replay would mean. Raises NotFound, ReadModelMissing."""
        own = self._own(name)
        return self._preflight.read(self.definition(name), own, _live_of(name, own))

    def roll_back_target(self, name: str) -> GenerationInfo:
        """Where a roll back would go. Raises NothingToRollBack; RollBackRefused when its columns are not the code's."""
        target = next((each for each in self.generations(name) if each.next_back), None)
        if target is None:
            raise NothingToRollBack(projection=name)
        if target.shape_changed is not None:
            raise RollBackRefused(projection=name, generation=target.number, difference=target.shape_changed)
        return target

    def _live(self, name: str) -> Generation:
        self.definition(name)
        return _live_of(name, self._own(name))

    def _own(self, name: str) -> list[Generation]:
        self.definition(name)
        _, generations = self._store.generations()
        return [each for each in generations if each.projection == name]

    # What an operator does

    def pause(self, name: str, *, actor: str, reason: str | None = None) -> None:
        """No batch is committed after this returns. Pausing twice keeps the first who and why."""
        self.definition(name)
        self._store.pause(name, by=actor, reason=reason)

    def resume(self, name: str, *, actor: str) -> None:
        """Lift a pause. After a failure: try again. Raises GenerationStands."""
        live = self._live(name)
        if live.stands and live.logic != logic_of(self.definition(name)):
            raise GenerationStands(projection=name, generation=live.number)
        self._store.resume(name)

    def retry_parked(self, name: str, key: str | None = None) -> Released:
        """Apply the events of one parked key (its text), or of all, as the code is now. Those that fail again stay
        parked. Raises KeyNotParked."""
        definition = self.definition(name)
        return self._parked.retry_all(definition) if key is None else self._parked.retry(definition, key)

    def skip_parked(self, name: str, key: str, *, reason: str, actor: str) -> Released:
        """Pass over the event that a parked key failed at, for ever, and apply what comes behind it.

        Raises KeyNotParked; InvalidMessage without a reason.
        """
        return self._parked.skip(self.definition(name), key, reason=reason, actor=actor)

    def park_failing(self, name: str, position: int, *, actor: str, reason: str | None = None) -> ParkedKey:
        """Set aside the key at which a projection stopped, with its later events; it goes on with all others.

        Raises NotStopped unless it stands at that position, NoKeyToSetAside, ReadModelMissing.
        """
        return self._parked.park_failing(self.definition(name), position, actor=actor, reason=reason)

    def ahead(self, name: str, position: int) -> Ahead:
        """Which keys fail at and behind the event at which a projection stands, as far as that is looked at.

        Raises what `park_failing` raises; ParkingRefused.
        """
        return self._look_ahead(name).look(position)

    def park_ahead(
        self, name: str, position: int, *, until: int, keys: Collection[str], actor: str, reason: str | None = None
    ) -> Ahead:
        """Set aside all keys that fail up to `until`, as `ahead` told them; others are applied up to there. All or
        nothing: raises what `ahead` raises."""
        parked = self._look_ahead(name).park(position, until=until, keys=keys, actor=actor, reason=reason)
        self.advanced(name, parked.until)
        return parked

    def _look_ahead(self, name: str) -> LookAhead:
        return LookAhead(self.definition(name), events=self._events, types=self._types, store=self._store)

    def skip_failing(self, name: str, position: int, *, reason: str, actor: str) -> str:
        """Pass over the event at which a projection stopped, for its key and for ever; returns the text of the key.

        Raises what `park_failing` raises; InvalidMessage without a reason.
        """
        return self._parked.skip_failing(self.definition(name), position, reason=reason, actor=actor)

    # Operations

    def replay(self, sleep: Callable[[float], None] = time.sleep) -> Replay:
        """The handler of replays. `sleep` is how one that is throttled rests."""
        return Replay(self._workshop(sleep), self.definition)

    def roll_back(self, sleep: Callable[[float], None] = time.sleep) -> RollBack:
        """The handler of roll backs."""
        return RollBack(self._workshop(sleep), self.definition)

    def scratch(self, name: str, run: Progress) -> Scratch:
        """Rows that a check derives anew. Raises NotFound."""
        return Scratch(self._workshop(time.sleep), self.definition(name), run)

    def _workshop(self, sleep: Callable[[float], None]) -> Workshop:
        sizes = self._sizes or Sizes()
        return Workshop(self._events, self._types, self._store, sizes, sleep, one_at_a_time=self._one_at_a_time)

    def drop_old(self, active: Callable[[], Collection[str]]) -> list[tuple[str, int]]:
        """Remove generations kept long enough, and what operations left behind that are not among the `active` ids.
        Returns what was dropped: name and number."""
        return drop_old(self._store, list(self._projections.values()), active=active)

    def outgrown(self) -> dict[str, str]:
        """Projections whose live rows have other columns than the code, and how they differ: they stand still until
        they are replayed."""
        _, generations = self._store.generations()
        found = {}
        for each in generations:
            declared = self._projections.get(each.projection)
            if declared is not None and each.state is GenerationState.LIVE:
                differs = difference(each.shape, shape_of(declared.model))
                if differs is not None:
                    found[each.projection] = differs
        return found

    # Moving on

    def runner(self, name: str, owner: str, *, generation: int | None = None) -> Runner:
        """For one thread of a worker. `owner` tells it from all other workers."""
        return Runner(
            self.definition(name),
            owner=owner,
            events=self._events,
            types=self._types,
            store=self._store,
            number=generation,
            sizes=self._sizes,
            on_advance=self._checkpoints.advanced,
            one_at_a_time=self._one_at_a_time,
        )

    def catch_up(self, name: str | None = None) -> int:
        """Apply all that is in the log now, here, or wait for the worker that does; returns the events applied here.

        One that is paused or failed is left alone. Raises what the databases raise.
        """
        target = self._events.safe_head()
        names = self.names() if name is None else (name,)
        return sum(self._catch_up(each, target) for each in names)

    def _catch_up(self, name: str, target: int) -> int:
        runner, applied = self.runner(name, f"catch-up {new_id()}"), 0
        try:
            while True:
                outcome = runner.step()
                applied += outcome.applied
                if outcome.error is not None:
                    raise outcome.error
                if (outcome.position or 0) >= target or self._stands_still(name):
                    return applied
                if outcome.delay and self.wait([name], target, WAIT_SECONDS) >= target:
                    return applied
        finally:
            runner.release()

    def _stands_still(self, name: str) -> bool:
        live = self._live(name)
        return live.halted or live.shape != shape_of(self.definition(name).model)

    def advanced(self, name: str, position: int) -> None:
        """To be called when a live checkpoint was moved without a runner: whoever waits for it is told."""
        self._checkpoints.advanced(name, position)

    def wait(self, names: Collection[str], position: int, timeout_seconds: float) -> int:
        """Until all of `names` have applied `position`; returns the lowest checkpoint, also after the time."""
        return self._checkpoints.wait(names, position, timeout_seconds)

    def _read_checkpoints(self) -> dict[str, int]:
        _, generations = self._store.generations()
        return {each.projection: each.position for each in generations if each.state is GenerationState.LIVE}


def _live_of(name: str, own: Iterable[Generation]) -> Generation:
    for each in own:
        if each.state is GenerationState.LIVE:
            return each
    raise ReadModelMissing(name=name)
