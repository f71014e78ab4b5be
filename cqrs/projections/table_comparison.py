"""The comparison of all tables of a projection: mostly one; a SQL projection may have more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, fields
from typing import Any

from cqrs.projections.comparison import SHOWN, RowComparison, Totals
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.store import ReadModelStore


class TableComparison:
    """One table after the other; see RowComparison."""

    def __init__(
        self,
        store: ReadModelStore,
        model: RowModel,
        live: Generation,
        candidate: Generation,
        known: Collection[str] = (),
    ) -> None:
        models = (model, *model.companions)
        self._tables = {each.name: RowComparison(store, each, live, candidate, known) for each in models}
        self._first = model.name
        self._left = list(self._tables.values())

    @property
    def totals(self) -> Totals:
        counted = [asdict(each.totals) for each in self._tables.values()]
        return Totals(**{field.name: sum(each[field.name] for each in counted) for field in fields(Totals)})

    def step(self) -> bool:
        """Compare the next chunk; False when there are no more."""
        if self._left and not self._left[0].step():
            del self._left[0]
        return bool(self._left)

    def look_again(self) -> None:
        for each in self._tables.values():
            each.look_again()

    def review(self, *, logic_changed: bool) -> str | None:
        """Why a person should look, for the first table that gives a reason."""
        reasons = (each.review(logic_changed=logic_changed) for each in self._tables.values())
        return next((reason for reason in reasons if reason is not None), None)

    def counts(self) -> dict[str, int]:
        return asdict(self.totals)

    def shown(self) -> list[dict[str, Any]]:
        """The first differing rows. Where it is not the first table, its name stands before the key."""
        found = [
            {**row, "key": row["key"] if name == self._first else f"{name}: {row['key']}"}
            for name, each in self._tables.items()
            for row in each.shown()
        ]
        return found[:SHOWN]
