"""One worker's hold on one projection: takes the lease, moves a batch a step, gives way when it is told to.

A step never sleeps and never raises for what the world does wrong: its outcome says how long to wait.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from cqrs.errors import Fenced, HistoryChanged, ReadModelMissing, ShapeMismatch
from cqrs.projections.careful_fold import Culprit
from cqrs.projections.crash_marks import OneAtATime
from cqrs.projections.engine import Sizes
from cqrs.projections.engines import AnyEngine, Engines
from cqrs.projections.failures import error_text, traceback_text
from cqrs.projections.fingerprint import logic_of
from cqrs.projections.history import check_history
from cqrs.projections.projection import Projection
from cqrs.readmodels.generation import Failure, Generation, GenerationState
from cqrs.readmodels.keys import key_text
from cqrs.readmodels.shape import difference, shape_of
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

#: How soon a pause, a resume or a lease that becomes free is noticed.
WATCH_SECONDS = 0.25
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    #: Events applied by this step, and the checkpoint after it; None while it is not ours to know.
    applied: int
    position: int | None
    #: Nothing more to do before the log grows.
    is_tail: bool
    #: Seconds to wait before the next step, whatever the log does.
    delay: float = 0.0
    #: Why nothing moves.
    why: str | None = None
    error: Exception | None = None


class Runner:
    """For one thread. `number` None: the live generation, whichever that is."""

    def __init__(
        self,
        projection: type[Projection],
        *,
        owner: str,
        events: EventStore,
        types: EventTypes,
        store: ReadModelStore,
        number: int | None = None,
        sizes: Sizes | None = None,
        on_advance: Callable[[str, int], None] = lambda name, position: None,
        one_at_a_time: OneAtATime | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = projection.name
        self._projection = projection
        self._engines = Engines(
            projection,
            events=events,
            types=types,
            store=store,
            sizes=sizes or Sizes(),
            one_at_a_time=one_at_a_time,
        )
        self._owner = owner
        self._events = events
        self._store = store
        self._number = number
        self._on_advance = on_advance
        self._monotonic = monotonic
        self._engine: AnyEngine | None = None
        self._renewed = 0.0
        self._retry = FIRST_RETRY_SECONDS

    def step(self, head: int | None = None) -> Outcome:
        """Apply one batch, or find out why not. Call it again at once unless the outcome says otherwise.

        `head`: the safe head, from whoever has looked just now."""
        try:
            outcome = self._step(head)
        except Fenced as fenced:
            self._engine = None
            return Outcome(0, None, is_tail=False, why=str(fenced))
        except Exception as error:
            return self._try_later(error)
        self._retry = FIRST_RETRY_SECONDS
        return outcome

    def release(self) -> None:
        """Stop cleanly: another worker may take over at once."""
        engine, self._engine = self._engine, None
        if engine is not None:
            self._store.release(engine.held)

    def _try_later(self, error: Exception) -> Outcome:
        """A database that is locked, full or away is no reason to give up or to set anything aside."""
        self._engine = None
        delay, self._retry = self._retry, min(self._retry * 2, LONGEST_RETRY_SECONDS)
        logger.warning("%s waits %.1f s and tries again: %s", self.name, delay, error_text(error))
        logger.debug("What %s waits for", self.name, exc_info=error)
        return Outcome(0, None, is_tail=False, delay=delay, why=error_text(error), error=error)

    def _step(self, head: int | None) -> Outcome:
        if self._engine is None:
            why = self._take()
            if why is not None:
                return Outcome(0, None, is_tail=False, delay=WATCH_SECONDS, why=why)
        engine = self._engine
        assert engine is not None
        if engine.held.halted:
            return self._watch(engine)
        until = self._events.safe_head() if head is None else head
        if self._projection.inline and until > engine.held.position:
            self._look_again(engine)
        if until <= engine.held.position:
            # A log that ends before the checkpoint was put back under our feet, or not all of it is proven yet.
            if until < engine.held.position and not self._check_history(engine):
                return self._watch(engine)
            self._renew_when_due(engine)
            return Outcome(0, engine.held.position, is_tail=True)
        return self._advance(engine, until)

    def _advance(self, engine: AnyEngine, until: int) -> Outcome:
        before = engine.held.position
        step = engine.advance(until)
        position = engine.held.position
        if position > before:
            self._renewed = self._monotonic()
            if engine.held.state is GenerationState.LIVE:
                self._on_advance(self.name, position)
        if step.culprit is not None:
            self._fail(engine, step.culprit)
        return Outcome(step.applied, position, step.is_tail and step.culprit is None)

    # The lease

    def _take(self) -> str | None:
        """Try to become the one who moves the generation; returns why not."""
        found = self._find()
        if found is None:
            return str(ReadModelMissing(name=self.name))
        differs = difference(found.shape, shape_of(self._projection.model))
        if differs is not None:
            return str(ShapeMismatch(projection=self.name, generation=found.number, difference=differs))
        if found.stands and found.logic == logic_of(self._projection):
            self._store.resume(self.name)  # the code it waited for is back
        held = self._store.acquire(self.name, found.number, owner=self._owner)
        if held is None:
            return f"{found.owner} works on {self.name}, generation {found.number}."
        self._renewed = self._monotonic()
        self._engine = self._engines.engine(held)
        self._check_history(self._engine)
        return None

    def _find(self) -> Generation | None:
        _, generations = self._store.generations()
        for each in generations:
            wanted = each.state is GenerationState.LIVE if self._number is None else each.number == self._number
            if each.projection == self.name and wanted:
                return each
        return None

    def _look_again(self, engine: AnyEngine) -> None:
        """Commands move an inline projection as well, whoever has the lease."""
        found = self._find()
        if found is not None and found.token == engine.held.token and not found.halted:
            engine.held = found

    def _check_history(self, engine: AnyEngine) -> bool:
        """Stop at a log that is not the one the rows were made from; whether it is."""
        try:
            check_history(self._events, engine.held)
        except HistoryChanged as error:
            self._fail(engine, Culprit(engine.held.position, "", None, error))
            return False
        return True

    def _renew_when_due(self, engine: AnyEngine) -> None:
        if self._monotonic() - self._renewed >= self._store.lease_seconds / 3:
            engine.held = self._store.renew(engine.held)
            self._renewed = self._monotonic()

    # Standing still

    def _watch(self, engine: AnyEngine) -> Outcome:
        """Paused or failed: show signs of life until somebody resumes."""
        self._renew_when_due(engine)
        found = self._find()
        if found is None or found.token != engine.held.token or not found.halted:
            self._engine = None  # taken over, or resumed: begin afresh
            return Outcome(0, engine.held.position, is_tail=False)
        why = "It is paused." if found.paused_at else "It failed."
        return Outcome(0, engine.held.position, is_tail=False, delay=WATCH_SECONDS, why=why)

    def _fail(self, engine: AnyEngine, culprit: Culprit) -> None:
        now, _ = self._store.generations()
        failure = Failure(
            position=culprit.position,
            event_type=culprit.event_type,
            key=None if culprit.key is None else key_text(culprit.key),
            error=error_text(culprit.error),
            traceback=traceback_text(culprit.error),
            at=now,
        )
        self._store.fail(engine.held, failure)
        engine.held = dataclasses.replace(engine.held, failure=failure)
        logger.error("%s stopped at event %s: %s", self.name, failure.position, failure.error)
