"""Moves one generation of a SQL projection: the checkpoint first, then the handler's statements, in one transaction.

Here the statements are the work, so a transaction is as long as its handlers take: a batch has only as many events as
fit into some milliseconds, because on SQLite everybody who writes waits for it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Protocol, cast

import sqlalchemy as sa

from cqrs.errors import Fenced
from cqrs.projections.batch_size import BatchSize
from cqrs.projections.careful_fold import ATTEMPTS, Culprit
from cqrs.projections.crash_marks import MOST_DEATHS, OneAtATime, Piece, Suspicion, killer
from cqrs.projections.engine import Sizes, Step
from cqrs.projections.event_meta import PLAIN, columns_for, meta_class
from cqrs.projections.failures import INFRASTRUCTURE, conceal
from cqrs.projections.routing import Raw
from cqrs.projections.sql_projection import SqlProjection
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

FIRST_SIZE = 50

Work = Callable[[sa.Connection, Mapping[str, sa.Table]], None]


class SqlRows(Protocol):
    """What such a projection needs of its store: that it is a SQL database."""

    def run(self, held: Generation, batch: Batch, work: Work) -> Generation: ...


class _Failed(Exception):
    """A handler, or the database on its behalf."""


class SqlEngine:
    """As Engine, for SQL projections."""

    def __init__(
        self,
        projection: type[SqlProjection],
        types: EventTypes,
        events: EventStore,
        store: ReadModelStore,
        held: Generation,
        sizes: Sizes,
        *,
        on_page: Callable[[int], None] = lambda position: None,
        one_at_a_time: OneAtATime | None = None,
    ) -> None:
        names = projection.parameters()
        self.held = held
        self._handle = projection.handle
        self._names = names
        self._handled = projection.handled_types()
        self._types = types
        self._events = events
        self._store = store
        self._rows = cast(SqlRows, store.rows(projection.model, held.number))
        self._columns = columns_for([projection.handle]) if "meta" in names else PLAIN
        self._meta = meta_class(self._columns, events.get)
        self._size = BatchSize(FIRST_SIZE, most=sizes.first)
        self._on_page = on_page
        self._one_at_a_time = one_at_a_time or nullcontext
        self._suspicion = Suspicion.of(held, piece=sizes.first, batch=sizes.first)

    def advance(self, until: int) -> Step:
        """Apply the next batch of events up to `until`. Raises Fenced, or what the databases raise; nothing is
        written then."""
        piece = self._next_suspect(until)
        if piece is None:
            step = self._advance(until)
        else:
            with self._one_at_a_time():
                step = self._advance_marked(piece)
        return replace(step, is_tail=step.culprit is None and step.held.position == until)

    def _advance(self, until: int) -> Step:
        page = self._read(self.held.position, until, self._size.events)
        end = page[-1][0] if len(page) == self._size.events else until
        self._on_page(end)
        began = time.perf_counter()
        try:
            self._apply(page, end)
        except _Failed:
            return self._one_by_one(page)
        self._size.adapt(len(page), time.perf_counter() - began)
        return Step(self.held, len(page), is_tail=False)

    def _one_by_one(self, page: Sequence[Raw], suspect: int | None = None) -> Step:
        """Up to the event that fails twice. After it nothing else may be applied."""
        for done, raw in enumerate(page):
            error = self._fails(raw, suspect)
            if error is not None:
                return Step(self.held, done, is_tail=False, culprit=Culprit(raw[0], raw[1], None, error))
        return Step(self.held, len(page), is_tail=False)

    def _fails(self, raw: Raw, suspect: int | None) -> Exception | None:
        error: BaseException | None = None
        for _ in range(ATTEMPTS):
            try:
                self._apply([raw], raw[0], suspect)
            except _Failed as failed:
                error = failed.__cause__
                if error is not None:
                    conceal(error, raw[3])
            else:
                return None
        return error if isinstance(error, Exception) else None

    def _apply(self, page: Sequence[Raw], end: int, suspect: int | None = None) -> None:
        """All of the page and the checkpoint, or nothing."""
        batch = Batch(position=end, event_id=self._event_id(end, page), suspect=suspect)

        def work(connection: sa.Connection, tables: Mapping[str, sa.Table]) -> None:
            for raw, event in happened:
                given = {"connection": connection, "event": event, "tables": tables, "meta": self._meta(raw)}
                self._handle(**{name: given[name] for name in self._names})

        try:
            happened = [(raw, self._types.decode(*raw[1:4])) for raw in page]
            self.held = self._rows.run(self.held, batch, work)
        except Fenced:
            raise
        except Exception as error:
            if isinstance(error, INFRASTRUCTURE) and not _is_refused_statement(error):
                raise
            raise _Failed from error

    def _read(self, after: int, until: int, limit: int) -> Sequence[Raw]:
        return self._events.raw_events(after, until, self._handled, limit, columns=(*self._columns, "event_id"))

    def _event_id(self, end: int, page: Sequence[Raw]) -> str | None:
        """Of the newest event at or before the checkpoint."""
        if end == self.held.position:
            return self.held.event_id
        if page and page[-1][0] == end:
            return str(page[-1][-1])
        newest = self._events.read_back(before=end + 1, limit=1)
        return newest[0].event_id if newest else None

    # After a death

    def _next_suspect(self, until: int) -> Piece | None:
        if self._suspicion is None:
            return None
        most = self._suspicion.most(until)
        piece = self._suspicion.next(self._read(self.held.position, most, self._suspicion.size + 1))
        if piece is None:
            self._suspicion = None
        return piece

    def _advance_marked(self, piece: Piece) -> Step:
        self.held = self._store.take_in_hand(self.held, piece.begin)
        deaths = self.held.deaths if self.held.suspect == piece.begin else 0
        if piece.alone and deaths >= MOST_DEATHS:
            return Step(self.held, 0, is_tail=False, culprit=killer(piece, deaths))
        if piece.alone:
            return self._one_by_one(piece.events, piece.left)
        try:
            self._apply(piece.events, piece.end, piece.left)
        except _Failed:
            return self._one_by_one(piece.events, piece.left)
        return Step(self.held, len(piece.events), is_tail=False)


def _is_refused_statement(error: BaseException) -> bool:
    """SQLite calls a statement that makes no sense an operational error, too: that is the handler's fault."""
    cause: Any = getattr(error, "orig", None)
    return getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
