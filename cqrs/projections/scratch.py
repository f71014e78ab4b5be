"""A generation that nobody will ever see: a check has it made from the log, to hold what readers see against it."""

from __future__ import annotations

from cqrs.errors import DatabaseBusy
from cqrs.projections.building import Builder, Workshop
from cqrs.projections.fingerprint import logic_of
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.readmodels.generation import SCRATCH
from cqrs.readmodels.shape import shape_of


class Scratch:
    """For one operation. After a crash it is found again, and goes on from where it stands."""

    def __init__(self, shop: Workshop, projection: type[Projection], run: Progress) -> None:
        self._shop = shop
        self._projection = projection
        self._run = run
        self._mark = f"{SCRATCH}{run.operation.id}"
        self._builder: Builder | None = None

    @property
    def number(self) -> int:
        return self._made().held.number

    @property
    def applied(self) -> int:
        """Events that were applied, since the last crash."""
        return 0 if self._builder is None else self._builder.applied

    def advance(self, until: int) -> bool:
        """To exactly this position; False when it stands behind it already. Raises ReplayStopped."""
        made = self._made()
        made.advance(until)
        return made.held.position == until

    def drop(self) -> None:
        """If there is one. What is in use is dropped within the hour."""
        name = self._projection.name
        for each in self._shop.store.generations()[1]:
            if each.projection == name and each.operation == self._mark:
                try:
                    self._shop.store.drop(self._projection.model, each.number)
                except DatabaseBusy as error:
                    self._run.log(f"Generation {each.number}, which nobody sees, is dropped later: {error}")
        self._builder = None

    def _made(self) -> Builder:
        if self._builder is None:
            model = self._projection.model
            facts = {"shape": shape_of(model), "logic": logic_of(self._projection)}
            made = self._shop.store.create(model, **facts, operation=self._mark)
            if (made.shape, made.logic) != (facts["shape"], facts["logic"]):  # other code began it
                self._shop.store.drop(model, made.number)
                made = self._shop.store.create(model, **facts, operation=self._mark)
            self._builder = Builder(self._shop, self._projection, made.number, self._run)
        return self._builder
