"""Whether a new generation says the same as the one readers see, row by row, while that one goes on moving.

Rows are compared in chunks, each as of one moment. Where the new generation is behind at that moment, a row may
differ for that reason alone: it is a suspect, and looked at again, the last time with both at one position.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from cqrs.readmodels.difference import Compared, Difference, DifferenceKind
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.keys import key_text
from cqrs.readmodels.rows import Key, RowModel
from cqrs.readmodels.store import ReadModelStore

CHUNK_ROWS = 2_000
#: Differing rows that are shown; all are counted.
SHOWN = 100

#: Shares of the rows that readers see.
MOST_EXTRA = 0.01
MOST_DIFFERENT = 0.05


@dataclass(slots=True)
class Totals:
    equal: int = 0
    changed: int = 0
    missing: int = 0
    extra: int = 0
    #: Parked keys, and what a check had found already: expected, so not counted above.
    known: int = 0

    @property
    def different(self) -> int:
        return self.changed + self.missing + self.extra

    @property
    def seen(self) -> int:
        """Rows that readers see now."""
        return self.equal + self.changed + self.extra


class RowComparison:
    """Of all rows, once. `known` are texts of keys whose differences surprise nobody."""

    def __init__(
        self,
        store: ReadModelStore,
        model: RowModel,
        live: Generation,
        candidate: Generation,
        known: Collection[str] = (),
    ) -> None:
        self.totals = Totals()
        self._store = store
        self._model = model
        self._live, self._candidate = live, candidate
        self._rows = store.rows(model, candidate.number)
        self._known = frozenset(known)
        self._after: tuple[Any, ...] | None = None
        self._suspects: list[tuple[Any, ...]] = []
        self._shown: list[Difference] = []

    def step(self) -> bool:
        """Compare the next chunk; False when there are no more."""
        found = self._store.compare(self._model, self._live, self._candidate, after=self._after, size=CHUNK_ROWS)
        self._take(found)
        self._after = found.end
        return found.end is not None

    def look_again(self) -> None:
        """At the suspects: none are left when both generations stand at one position."""
        suspects, self._suspects = self._suspects, []
        if suspects:
            self._take(self._store.compare_keys(self._model, self._live, self._candidate, suspects))

    def _take(self, found: Compared) -> None:
        at_once = found.live_position == found.position
        on_live = sum(each.kind is not DifferenceKind.MISSING for each in found.differences)
        self.totals.equal += found.rows - on_live
        for each in found.differences:
            if at_once or (each.live_pos is not None and each.live_pos <= min(found.position, found.live_position)):
                self._count(each)
            else:
                self._suspects.append(each.key)

    def _count(self, each: Difference) -> None:
        if self._known and self._text(each.key) in self._known:
            self.totals.known += 1
            return
        setattr(self.totals, each.kind, getattr(self.totals, each.kind) + 1)
        if len(self._shown) < SHOWN:
            self._shown.append(each)

    def review(self, *, logic_changed: bool) -> str | None:
        """Why a person should look before readers are given the new rows; None when there is no need."""
        totals = self.totals
        if totals.extra > totals.seen * MOST_EXTRA:
            return f"{totals.extra:,} of {totals.seen:,} rows would disappear."
        if not logic_changed and totals.different > totals.seen * MOST_DIFFERENT:
            differ = "1 row differs" if totals.different == 1 else f"{totals.different:,} rows differ"
            return f"{differ} from the {totals.seen:,} there are, though the code is unchanged."
        return None

    def counts(self) -> dict[str, int]:
        return asdict(self.totals)

    def shown(self) -> list[dict[str, Any]]:
        """The first differing rows, with the values before and after in the columns that changed."""
        keys = {self._text(each.key): self._rows.read_key(each.key) for each in self._shown}
        readable = [key for key in keys.values() if key is not None]
        same_shape = self._live.shape == self._candidate.shape
        before = self._store.rows(self._model, self._live.number).load(readable).rows if same_shape else {}
        after = self._rows.load(readable).rows if same_shape else {}
        return [
            {
                "key": self._text(each.key),
                "kind": each.kind.value,
                "columns": self._columns(before.get(key), after.get(key)) if key is not None else {},
            }
            for each, key in ((each, keys[self._text(each.key)]) for each in self._shown)
        ]

    def _columns(self, before: Any, after: Any) -> dict[str, dict[str, Any]]:
        values: dict[str, dict[str, Any]] = {}
        for column in self._model.columns[len(self._model.key_columns) :]:
            old, new = getattr(before, str(column.key), None), getattr(after, str(column.key), None)
            if old != new:
                values[str(column.name)] = {"before": old, "after": new}
        return values

    def _text(self, stored: tuple[Any, ...]) -> str:
        key: Key | None = self._rows.read_key(stored)
        return key_text(key) if key is not None else ", ".join(map(str, stored))
