"""Replay: all rows derived anew, beside those that readers see, compared with them, then swapped in at once.

Each phase finds out from the database how far it had come, so any worker can go on after a crash. Until the swap,
which is one transaction, readers see nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cqrs.errors import DatabaseBusy
from cqrs.projections.building import Builder, Workshop
from cqrs.projections.fingerprint import logic_of
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.projections.swapping import Swapping, let_go, live_of, made_by, outcome_of
from cqrs.projections.table_comparison import TableComparison
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.shape import same_keys, shape_of

#: Rows counted for the progress of the comparison.
COUNT_CAP = 1_000_000
#: A comparison that takes long lets the new generation catch up in between, so that few rows become suspects.
CATCH_UP_SECONDS = 1.0


class Replay:
    """The handler of operations of this kind. `definition` finds a projection by name."""

    def __init__(self, shop: Workshop, definition: Callable[[str], type[Projection]]) -> None:
        self._shop = shop
        self._definition = definition

    def carry_out(self, run: Progress) -> Mapping[str, Any]:
        projection = self._definition(run.operation.projection)
        made = made_by(run, self._own(projection))
        if made is not None and made.state is not GenerationState.BUILDING:
            return outcome_of(made)
        return _Work(self._shop, projection, run).carry_out()

    def undo(self, run: Progress) -> str:
        projection = self._definition(run.operation.projection)
        own = self._own(projection)
        let_go(self._shop, run, own)
        live, made = live_of(projection.name, own), made_by(run, own)
        if made is not None and made.state is not GenerationState.BUILDING:
            return f"The swap was done before that: readers see generation {live.number}. Roll back to undo it."
        stayed = f"Readers stayed on generation {live.number}."
        if made is None:
            return f"{stayed} Nothing else was left."
        try:
            self._shop.store.drop(projection.model, made.number)
        except DatabaseBusy:
            return f"{stayed} Generation {made.number} is in use and will be dropped within the hour."
        return f"{stayed} Generation {made.number} was dropped."

    def _own(self, projection: type[Projection]) -> list[Generation]:
        return [each for each in self._shop.store.generations()[1] if each.projection == projection.name]


class _Work:
    """One attempt, from wherever the one before it came to."""

    def __init__(self, shop: Workshop, projection: type[Projection], run: Progress) -> None:
        self._shop = shop
        self._projection = projection
        self._run = run
        self._model = projection.model
        self._begun = run.operation.phase not in (None, "build")
        # First of all, so that one who was asked to stop begins nothing.
        run.phase("catch up" if self._begun else "build")
        self._candidate = self._find_or_create()
        self._builder = Builder(shop, projection, self._candidate.number, run)
        self._swapping = Swapping(shop, projection, self._builder, run)
        self._comparison: TableComparison | None = None
        #: What comparing came to before, if that is settled.
        self._settled = self._settled_before()

    def carry_out(self) -> Mapping[str, Any]:
        try:
            self._build()
            self._compare()
            self._run.phase("swap")
            self._swapping.let_readers_finish()
            self._swapping.swap(before=self._last_look, outcome=self._outcome)
        finally:
            self._builder.release()
        shown = next(each for each in self._swapping.own()[1] if each.number == self._candidate.number)
        self._tell(shown)
        return outcome_of(shown)

    def _find_or_create(self) -> Generation:
        """The one this operation has begun, unless other code began it; the remains of others are removed."""
        store, name = self._shop.store, self._projection.name
        shape, logic = shape_of(self._model), logic_of(self._projection)
        for each in store.generations()[1]:
            mine = each.operation == self._run.operation.id and (each.shape, each.logic) == (shape, logic)
            left = each.projection == name and each.state is GenerationState.BUILDING and each.operation is not None
            if left and not mine and not each.is_scratch and not store.put_back(name, each.number):
                store.drop(self._model, each.number)
                self._run.log(f"Generation {each.number}, which was never finished, was dropped.")
        made = store.create(self._model, shape=shape, logic=logic, operation=self._run.operation.id)
        verb = "goes on" if made.position else "begins"
        self._run.log(f"Generation {made.number} {verb} at position {made.position:,}; readers see another one.")
        return made

    def _settled_before(self) -> Mapping[str, Any]:
        """What a person has looked at and approved, if it was this very generation, because numbers are used again;
        or what was found before it went ahead of the live one, to which it can be compared no more."""
        found = self._run.operation.result or {}
        if self._run.approved and found.get("begun_at") == self._begun_at():
            return found
        return outcome_of(self._candidate)

    def _begun_at(self) -> str:
        return self._candidate.created_at.isoformat()

    def _build(self) -> None:
        if not self._begun:
            until = self._swapping.live().position
            self._run.progress(self._builder.held.position, total=until)
            self._builder.advance(until)
            self._run.phase("catch up")
        self._swapping.catch_up()

    # Comparing

    def _compare(self) -> None:
        live = self._swapping.live()
        if self._settled or not same_keys(live.shape, self._candidate.shape):
            return
        store, rows = self._shop.store, self._shop.store.rows(self._model, live.number)
        self._run.phase("compare", total=rows.count(COUNT_CAP))
        known = {*store.parked_positions(live.projection, live.number), *self._run.parameters.get("known", ())}
        self._comparison = TableComparison(store, self._model, live, self._candidate, known)
        self._compare_chunks(self._comparison)
        if not self._swapping.is_moving():
            # Nobody waits for this one to come level again, so readers may as well be given all there is.
            self._swapping.level(self._last_look)
            self._shop.store.remember(self._builder.held, self._outcome(live))
            self._builder.advance(self._shop.events.safe_head())

    def _compare_chunks(self, comparison: TableComparison) -> None:
        caught_up = self._shop.monotonic()
        while comparison.step():
            self._run.progress(comparison.totals.seen)
            if self._shop.monotonic() - caught_up > CATCH_UP_SECONDS:
                self._swapping.catch_up()
                comparison.look_again()
                caught_up = self._shop.monotonic()
        self._run.progress(comparison.totals.seen)

    def _last_look(self, live: Generation) -> None:
        """With the live generation held: what is still in doubt is settled, then a person decides where one has to."""
        why = None
        if self._comparison is not None:
            self._comparison.look_again()
            why = self._comparison.review(logic_changed=live.logic != self._candidate.logic)
        if self._run.parameters.get("review"):
            why = why or "A review was asked for."
        if why is not None and not self._settled:
            self._run.log(f"Readers stay on generation {live.number} until somebody approves: {why}")
            self._run.hold_for_review(self._found(live) | {"why": why})

    def _found(self, live: Generation) -> dict[str, Any]:
        found: dict[str, Any] = {"generation": self._candidate.number, "previous": live.number}
        found |= {"position": self._builder.held.position, "begun_at": self._begun_at()}
        if self._comparison is not None:
            found |= {"compared": self._comparison.counts(), "differences": self._comparison.shown()}
        else:
            found |= {"compared": self._settled.get("compared"), "differences": self._settled.get("differences", [])}
        return found

    def _outcome(self, live: Generation) -> str:
        return msgspec.json.encode(self._found(live)).decode()

    def _tell(self, shown: Generation) -> None:
        self._run.log(f"Readers see generation {shown.number}, as of position {shown.position:,}.")
        if shown.paused_at is not None:
            self._run.log(f"It stays paused, as it was: it stands at position {shown.position:,} until it is resumed.")
