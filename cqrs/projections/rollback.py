"""Roll back: readers are given the generation they saw before, brought up to date first where the code allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cqrs.errors import NothingToRollBack, RollBackRefused
from cqrs.projections.building import Builder, Workshop
from cqrs.projections.fingerprint import logic_of
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.projections.swapping import Swapping, let_go, live_of, made_by, outcome_of
from cqrs.readmodels.generation import Generation, GenerationState, Standing
from cqrs.readmodels.shape import difference, shape_of


class RollBack:
    """The handler of operations of this kind. `definition` finds a projection by name."""

    def __init__(self, shop: Workshop, definition: Callable[[str], type[Projection]]) -> None:
        self._shop = shop
        self._definition = definition

    def carry_out(self, run: Progress) -> Mapping[str, Any]:
        projection = self._definition(run.operation.projection)
        own = self._own(projection)
        opened = made_by(run, own)
        if opened is not None and opened.state is not GenerationState.BUILDING:
            return outcome_of(opened)
        run.phase("catch up")
        target = opened or self._open(run, projection, own)
        builder = Builder(self._shop, projection, target.number, run)
        try:
            self._go_back(run, projection, target, builder)
        finally:
            builder.release()
        shown = next(each for each in self._own(projection) if each.number == target.number)
        self._tell(run, shown)
        return outcome_of(shown)

    def undo(self, run: Progress) -> str:
        own = self._own(self._definition(run.operation.projection))
        let_go(self._shop, run, own)
        live, opened = live_of(run.operation.projection, own), made_by(run, own)
        if opened is None:
            return f"Readers stayed on generation {live.number}. Nothing was changed."
        if opened.state is not GenerationState.BUILDING:
            return f"The swap was done before that: readers see generation {live.number}."
        self._shop.store.put_back(opened.projection, opened.number)
        return f"Readers stayed on generation {live.number}. Generation {opened.number} is kept, as before."

    def _open(self, run: Progress, projection: type[Projection], own: list[Generation]) -> Generation:
        """Only now may the kept generation move."""
        number = run.parameters.get("generation")
        kept = next((e for e in own if e.number == number and e.state is GenerationState.KEPT), None)
        if kept is None:
            raise NothingToRollBack(projection=projection.name)
        differs = difference(kept.shape, shape_of(projection.model))
        if differs is not None:
            raise RollBackRefused(projection=projection.name, generation=kept.number, difference=differs)
        return self._shop.store.reopen(kept, run.operation.id)

    def _go_back(self, run: Progress, projection: type[Projection], target: Generation, builder: Builder) -> None:
        swapping = Swapping(self._shop, projection, builder, run)
        standing = None
        if target.logic == logic_of(projection):
            swapping.catch_up()
        else:
            standing = Standing(run.operation.actor, _stands(target))
            run.log(standing.reason)
        run.phase("swap")
        swapping.let_readers_finish()
        swapping.swap(outcome=lambda live: _outcome(live, builder.held), standing=standing, advance=standing is None)

    def _tell(self, run: Progress, shown: Generation) -> None:
        run.log(f"Readers see generation {shown.number}, as of position {shown.position:,}.")
        if shown.paused_at is not None and not shown.stands:
            run.log(f"It stays paused, as it was: it stands at position {shown.position:,} until it is resumed.")

    def _own(self, projection: type[Projection]) -> list[Generation]:
        return [each for each in self._shop.store.generations()[1] if each.projection == projection.name]


def _stands(target: Generation) -> str:
    return (
        f"Generation {target.number} was made by other code: it goes live as of position {target.position:,} and "
        "stands there until that code is back or it is replayed."
    )


def _outcome(live: Generation, shown: Generation) -> str:
    found = {"generation": shown.number, "previous": live.number, "position": shown.position, "compared": None}
    return msgspec.json.encode(found).decode()
