"""Which engine moves a projection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cqrs.projections.crash_marks import OneAtATime
from cqrs.projections.engine import Engine, Sizes, Step
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Router
from cqrs.projections.sql_engine import SqlEngine
from cqrs.projections.sql_projection import SqlProjection
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes


class AnyEngine(Protocol):
    """Works for whoever holds `held`; worthless as soon as anything is raised."""

    held: Generation

    def advance(self, until: int) -> Step:
        """Apply the next batch of events up to `until`. Raises Fenced, or what the databases raise."""
        ...


class Engines:
    """Makes engines for one projection."""

    def __init__(
        self,
        projection: type[Projection],
        *,
        events: EventStore,
        types: EventTypes,
        store: ReadModelStore,
        sizes: Sizes,
        one_at_a_time: OneAtATime | None = None,
    ) -> None:
        self._projection = projection
        self._router = Router(projection, types, events.get)
        self._events = events
        self._types = types
        self._store = store
        self._sizes = sizes
        self._one_at_a_time = one_at_a_time

    def engine(self, held: Generation, on_page: Callable[[int], None] = lambda position: None) -> AnyEngine:
        """`on_page`: see Engine."""
        where = (self._events, self._store, held, self._sizes)
        if issubclass(self._projection, SqlProjection):
            made = SqlEngine(self._projection, self._types, *where, on_page=on_page, one_at_a_time=self._one_at_a_time)
            return made
        return Engine(self._projection, self._router, *where, on_page=on_page, one_at_a_time=self._one_at_a_time)
