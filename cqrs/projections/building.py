"""Moves a generation that nobody reads along the log, for an operation: it tells how far it is, rests, and resumes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from cqrs.errors import DatabaseBusy, DatabaseUnavailable, DiskFull, Fenced, ReplayOvertaken, ReplayStopped
from cqrs.projections.crash_marks import OneAtATime
from cqrs.projections.engine import Sizes
from cqrs.projections.engines import AnyEngine, Engines
from cqrs.projections.failures import error_text
from cqrs.projections.history import check_history
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.keys import key_text
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

#: Faults of the machine: the work is tried again, for ever, and each is shown.
PASSING = (DatabaseBusy, DatabaseUnavailable, DiskFull)
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 10.0

#: How operations call themselves as owners of leases; workers have a host and a process in their names.
OPERATION = "operation "


@dataclass(frozen=True, slots=True)
class Workshop:
    """What building takes. `sleep` is how a throttled build rests."""

    events: EventStore
    types: EventTypes
    store: ReadModelStore
    sizes: Sizes
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    one_at_a_time: OneAtATime | None = None


class Builder:
    """For one operation and one thread. After a crash the next one goes on from the last batch that was written."""

    def __init__(self, shop: Workshop, projection: type[Projection], number: int, run: Progress) -> None:
        self._shop = shop
        self._projection = projection
        self._number = number
        self._run = run
        self._throttle = float(run.parameters.get("throttle") or 0.0)
        self._engines = Engines(
            projection,
            events=shop.events,
            types=shop.types,
            store=shop.store,
            sizes=shop.sizes,
            one_at_a_time=shop.one_at_a_time,
        )
        self._owner = owner_of(run)
        self._engine: AnyEngine | None = None
        self._held_before = False
        self._retry = FIRST_RETRY_SECONDS
        self._until = 0
        self._page_began = shop.monotonic()
        #: Events that this one has applied.
        self.applied = 0

    @property
    def held(self) -> Generation:
        """The generation as it is now, held by this operation. Raises ReplayOvertaken when it is gone."""
        return self._held_engine().held

    def advance(self, until: int) -> None:
        """Up to this position, however many batches it takes; no further than a log goes that is shorter than the one
        before. Raises ReplayStopped at an event that fails."""
        if until > self._shop.events.head():
            until = self._shop.events.safe_head()
        self._until = until
        while self.held.position < until:
            self._page_began = self._shop.monotonic()
            try:
                self._batch()
                self._retry = FIRST_RETRY_SECONDS
            except Fenced:
                self._engine = None  # a key was released: what is in memory may be old
            except PASSING as error:
                self._wait_for_better(error)

    def release(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            self._shop.store.release(engine.held)

    def _batch(self) -> None:
        engine = self._held_engine()
        try:
            step = engine.advance(self._until)
        except BaseException:
            self._engine = None
            raise
        self.applied += step.applied
        self._run.progress(engine.held.position, total=max(self._until, engine.held.position))
        if step.culprit is not None:
            unknown = "unreadable" if self._projection.keyed else "none"
            key = unknown if step.culprit.key is None else key_text(step.culprit.key)
            raise ReplayStopped(
                position=step.culprit.position,
                type=step.culprit.event_type,
                key=key,
                error=error_text(step.culprit.error).rstrip("."),
            )

    def _held_engine(self) -> AnyEngine:
        if self._engine is None:
            shop = self._shop
            first = not self._held_before
            held = shop.store.acquire(self._projection.name, self._number, owner=self._owner, anew=first)
            if held is None:
                raise ReplayOvertaken(projection=self._projection.name, generation=self._number)
            check_history(shop.events, held)
            self._held_before = True
            self._engine = self._engines.engine(held, self._turn_page)
        return self._engine

    def _turn_page(self, position: int) -> None:
        """Between the pages of a batch: say how far it is, hear whether to stop, and rest if asked to."""
        self._run.progress(position, total=max(self._until, position))
        now = self._shop.monotonic()
        if self._throttle > 0:
            self._shop.sleep((now - self._page_began) * self._throttle)
        self._page_began = self._shop.monotonic()

    def _wait_for_better(self, error: Exception) -> None:
        self._run.error(f"{error} It is tried again.")
        self._shop.sleep(self._retry)
        self._retry = min(self._retry * 2, LONGEST_RETRY_SECONDS)


def owner_of(run: Progress) -> str:
    """The same after a crash, so that the next worker need not wait for the lease: the operation's own lease has
    already made sure that there is only one."""
    return f"{OPERATION}{run.operation.id}"


def is_operation(owner: str | None) -> bool:
    """Whether whoever holds a lease does so for an operation."""
    return owner is not None and owner.startswith(OPERATION)
