"""Moves one generation along the log, a batch at a time: read, fold, write together with the checkpoint.

The work is done before the transaction begins. Normally a batch goes through the fast fold; after a failure the same
events go through the careful one, in ever smaller batches if it is the database that refuses them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cqrs.errors import HandlerBroken, RowsRefused
from cqrs.projections.batch_size import BatchSize
from cqrs.projections.careful_fold import CarefulFold, Culprit
from cqrs.projections.circuit_breaker import looks_broken
from cqrs.projections.crash_marks import MOST_DEATHS, OneAtATime, Piece, Suspicion, killed_by, killer
from cqrs.projections.fold import Fold, FoldFailed
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Raw, Router
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.keys import key_of_text, key_text
from cqrs.readmodels.rows import Key
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore


@dataclass(frozen=True, slots=True)
class Sizes:
    #: Events a batch of a generation that is read, at most; fewer where it takes long to write its rows, all at once.
    live: int = 4_000
    #: Events such a batch has to begin with and at least; one of any kind with a failure in it, at most.
    first: int = 1_000
    #: Events a batch of one that nobody reads: many, because a row touched ten times is then written once.
    build: int = 200_000
    #: Events read at a time.
    page: int = 5_000
    #: Rows a build keeps in memory for the next batch; with more a batch ends early. Some 600 bytes each, and as much
    #: again while they are written.
    kept_rows: int = 150_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", min(self.first, self.live))


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch came to. With a culprit the generation stands before that event and cannot go on."""

    held: Generation
    applied: int
    is_tail: bool
    culprit: Culprit | None = None


class Engine:
    """Works for whoever holds `held`; worthless as soon as anything is raised, because rows in memory may be ahead."""

    def __init__(
        self,
        projection: type[Projection],
        router: Router,
        events: EventStore,
        store: ReadModelStore,
        held: Generation,
        sizes: Sizes,
        *,
        on_page: Callable[[int], None] = lambda position: None,
        one_at_a_time: OneAtATime | None = None,
    ) -> None:
        """`on_page` is told how far a batch has read; what it raises ends the batch, and nothing of it is written.
        `one_at_a_time` is entered for each suspect piece: where one process moves several generations, it tells which
        of them it died of."""
        self._router = router
        self._events = events
        self._store = store
        self._rows = store.rows(projection.model, held.number)
        self._sizes = sizes
        self.held = held
        self._building = held.state is GenerationState.BUILDING
        self._parks = projection.on_error == "park"
        self._on_page = on_page
        self._parked = self._parked_keys()
        self._skips = store.skips(held.projection)
        self._fold: Fold | None = None
        self._complete = self._building and self._rows.is_empty()
        #: The careful fold is used up to this position, with so many events a batch.
        self._careful_to = 0
        self._careful_size = sizes.first
        most = sizes.build if self._building else sizes.live
        self._size = BatchSize(most if self._building else sizes.first, least=sizes.first, most=most)
        self._refused: dict[Key, Exception] = {}
        self._one_at_a_time = one_at_a_time or OneAtATime()
        self._suspicion = Suspicion.of(held, piece=sizes.first, batch=most)

    def _parked_keys(self) -> set[Key]:
        texts = self._store.parked_positions(self.held.projection, self.held.number)
        keys = {key_of_text(text, self._router.model) for text in texts}
        return keys - {None}

    def _may_park(self) -> Callable[[Key], bool]:
        """Nobody has seen yet what is missing in a generation that is being built: of the keys that fail there, only
        those are set aside that readers do without already, because they failed as well or an operator parked them."""
        if not self._building:
            return lambda key: self._parks
        _, generations = self._store.generations()
        live = [each for each in generations if each.state is GenerationState.LIVE]
        known = {
            text
            for each in live
            if each.projection == self.held.projection
            for text in self._store.parked_positions(each.projection, each.number)
        }
        return lambda key: key_text(key) in known

    def advance(self, until: int) -> Step:
        """Apply the next batch of events up to `until`. Raises Fenced, or what the databases raise; nothing is
        written then, or in a build only rows that say by their `_pos` how far they are."""
        if self.held.position < self._careful_to:
            return self._advance_carefully(until)
        piece = self._next_suspect(until)
        if piece is None:
            return self._advance_quickly(until)
        with self._one_at_a_time():
            step = self._advance_marked(piece)
        return replace(step, is_tail=step.held.position == until)

    def _advance_quickly(self, until: int, suspect: int | None = None) -> Step:
        try:
            return self._advance_fast(until, suspect)
        except FoldFailed as failure:
            return self._take_care(failure.position, self._sizes.first)

    def _take_care(self, position: int, size: int) -> Step:
        self._drop_fold()
        self._careful_to, self._careful_size = position, max(1, size)
        return Step(self.held, 0, is_tail=False)

    def _drop_fold(self) -> None:
        self._fold, self._complete = None, False

    # The fast way

    def _advance_fast(self, until: int, suspect: int | None) -> Step:
        fold = self._fold or self._new_fold()
        position, applied = self.held.position, 0
        last: Raw | None = None
        while applied < self._size.events:
            asked = min(self._sizes.page, self._size.events - applied)
            page = self._read(position, until, asked)
            if page:
                fold.add(page)
                position, last = page[-1][0], page[-1]
                applied += len(page)
                self._on_page(position)
            if len(page) < asked:
                position = until
                break
            if len(fold) > self._sizes.kept_rows:
                break
        batch = fold.batch(position, self._event_id(position, last))
        began = time.perf_counter()
        try:
            self._write(replace(batch, suspect=suspect))
        except RowsRefused:
            return self._take_care(position, min(applied // 2, self._sizes.first))
        if not self._building:
            self._size.adapt(applied, time.perf_counter() - began)
        self._keep(fold)
        return Step(self.held, applied, is_tail=position == until)

    def _new_fold(self) -> Fold:
        parked = frozenset(self._parked)
        return Fold(self._router, self._rows, self.held, complete=self._complete, parked=parked, skips=self._skips)

    def _write(self, batch: Batch) -> None:
        write = self._rows.commit_sliced if self._building else self._rows.commit
        self.held = write(self.held, batch)

    def _keep(self, fold: Fold) -> None:
        """Live rows may be changed by anyone, so each batch begins with what is stored."""
        fold.written(self.held.position)
        if self._building and len(fold) <= self._sizes.kept_rows:
            self._fold = fold
        else:
            self._drop_fold()

    def _read(self, after: int, until: int, limit: int) -> Sequence[Raw]:
        columns = self._router.columns if self._building else (*self._router.columns, "event_id")
        return self._events.raw_events(after, until, self._router.handled, limit, columns=columns)

    def _event_id(self, position: int, last: Raw | None) -> str | None:
        """Of the newest event at or before the checkpoint, handled or not: an identity of the log up to there, which
        a position is not. Looked up unless the last event read is that one."""
        if position == self.held.position:
            return self.held.event_id
        if last is not None and last[0] == position and not self._building:
            return str(last[-1])
        for (event_id,) in self._events.raw_at([position], columns=("event_id",)):
            return str(event_id)
        newest = self._events.read_back(before=position + 1, limit=1)
        return newest[0].event_id if newest else None

    # The careful way

    def _advance_carefully(self, until: int) -> Step:
        page = self._read(self.held.position, until, self._careful_size)
        end = page[-1][0] if len(page) == self._careful_size else until
        step = self._go_carefully(page, end)
        return replace(step, is_tail=step.held.position == until)

    def _go_carefully(self, page: Sequence[Raw], end: int, suspect: int | None = None) -> Step:
        fold = CarefulFold(
            self._router,
            self._rows,
            self.held,
            self._may_park(),
            parked=set(self._parked),
            refused=self._refused,
            skips=self._skips,
        )
        fold.add(page)
        self._on_page(self.held.position)
        if fold.newly_parked and not self._building and looks_broken(self._store, self._rows, self.held, fold):
            return Step(self.held, 0, is_tail=False, culprit=_broken(fold))
        done = [raw for raw in page if fold.culprit is None or raw[0] < fold.culprit.position]
        batch = replace(self._careful_batch(fold, done, end), suspect=suspect)
        if batch.position > self.held.position:
            try:
                self.held = self._rows.commit(self.held, batch)
            except RowsRefused as error:
                return self._narrow_down(fold, batch, len(page), error)
        self._parked = fold.parked
        self._refused = {}
        self._careful_size = min(self._careful_size * 2, self._sizes.first)
        return Step(self.held, len(done), is_tail=False, culprit=fold.culprit)

    def _careful_batch(self, fold: CarefulFold, done: Sequence[Raw], end: int) -> Batch:
        position = end if fold.culprit is None else fold.culprit.position - 1
        return fold.batch(position, self._event_id(position, done[-1] if done else None))

    def _narrow_down(self, fold: CarefulFold, batch: Batch, size: int, error: RowsRefused) -> Step:
        """Half as many events, until it is one; then the rows of its keys one by one."""
        if size > 1:
            return self._take_care(self._careful_to, size // 2)
        keys, answers = fold.written_keys(), self._rows.refusals(batch.upserts)
        refused = {
            key: RowsRefused(projection=self.held.projection, why=why)
            for key, why in zip(keys, answers, strict=True)
            if why is not None
        }
        self._refused = dict(refused) or dict.fromkeys(fold.changed_keys(), error)
        return Step(self.held, 0, is_tail=False)

    # After a death

    def _next_suspect(self, until: int) -> Piece | None:
        if self._suspicion is None:
            return None
        begin, most = self.held.position, self._suspicion.most(until)
        piece = self._suspicion.next(self._read(begin, most, self._suspicion.size + 1))
        if piece is None:
            self._suspicion = None
        return piece

    def _advance_marked(self, piece: Piece) -> Step:
        self.held = self._store.take_in_hand(self.held, piece.begin)
        if not piece.alone:
            return self._advance_quickly(piece.end, piece.left)
        deaths = self.held.deaths if self.held.suspect == piece.begin else 0
        if deaths > MOST_DEATHS:  # It is not even safe to ask for the keys of this event.
            return Step(self.held, 0, is_tail=False, culprit=killer(piece, deaths))
        if deaths == MOST_DEATHS:
            self._refused = killed_by(piece, self._router, deaths)
        return self._go_carefully(piece.events, piece.end, piece.left)


def _broken(fold: CarefulFold) -> Culprit:
    first = fold.newly_parked[0]
    why = HandlerBroken(parked=len(fold.parked), error=first.error)
    return Culprit(first.position, first.event_type, first.key, why)
