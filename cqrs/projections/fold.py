"""The fold: events into rows, in memory. This loop decides how long a replay takes; it knows nothing of failures.

Whatever goes wrong in a domain's code becomes FoldFailed, after which the rows here are worthless: the careful fold
goes through the same events again, one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from cqrs.errors import InexactValue, KeyChanged
from cqrs.projections.failures import INFRASTRUCTURE
from cqrs.projections.projection import DELETE
from cqrs.projections.routing import Raw, Router, Step
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.keys import key_text
from cqrs.readmodels.rows import Key, Row
from cqrs.readmodels.set_aside import Skips
from cqrs.readmodels.store import GenerationRows


class FoldFailed(Exception):
    """A handler, a key or a value is at fault, at `position` or before."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class Fold:
    """The rows of one generation that events were folded into since its checkpoint, and perhaps before.

    `complete` says that every row of the generation is here, so one that is not does not exist: true of a generation
    that was empty when the fold began, and what makes building one fast.
    """

    def __init__(
        self,
        router: Router,
        stored: GenerationRows,
        held: Generation,
        *,
        complete: bool = False,
        parked: Collection[Key] = (),
        skips: Skips | None = None,
    ) -> None:
        self._router = router
        self._stored = stored
        self._checkpoint = held.position
        self._building = held.state is GenerationState.BUILDING
        self._complete = complete
        self._parked = parked
        self._skips: Skips = skips or {}
        #: None stands for a row that is known not to exist.
        self._rows: dict[Key, Row | None] = {}
        self._deleted: dict[Key, None] = {}
        self._held: list[tuple[str, int]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, page: Sequence[Raw]) -> None:
        """Fold a page of events. Raises FoldFailed, or what the store raises when rows cannot be loaded."""
        last = page[-1][0]
        steps: Iterable[Step] = self._router.steps(page)
        if any(page[0][0] <= position <= last for position in self._skips):
            steps = (step for step in steps if key_text(step[2]) not in self._skips.get(step[0], ()))
        if not self._complete:
            with _blamed(last):
                steps = list(steps)
                keys = {step[2] for step in steps}
                self._router.model.check_keys(keys)
            self._load(keys - self._rows.keys(), last)
        with _blamed(last):
            self._apply(steps)

    def _load(self, keys: set[Key], last: int) -> None:
        loaded = self._stored.load(keys)
        if loaded.unreadable:
            raise FoldFailed(last)
        for row in () if self._building else loaded.rows.values():
            if row._pos > self._checkpoint:
                row._pos = self._checkpoint  # it is not ours: it must not hide events
        self._rows.update(dict.fromkeys(keys))
        self._rows.update(loaded.rows)

    def _apply(self, steps: Iterable[Step]) -> None:
        rows, parked, new_row = self._rows, self._parked, self._router.model.new_row
        missed: list[Key] = []
        for position, route, key, event, meta in steps:
            if key in parked:
                self._held.append((key_text(key), position))
                continue
            row = rows.get(key)
            if row is None:
                missed.append(key)
                if not route.creates:
                    continue
                rows[key] = row = new_row(key)
                self._deleted.pop(key, None)
            elif position <= row._pos:
                continue  # written by a build that was interrupted before it moved the checkpoint
            result = route.apply(row, event) if meta is None else route.apply(row, event, meta)
            row._pos = position
            if result is not None:
                self._delete(key, result)
        self._router.model.check_keys(missed)

    def _delete(self, key: Key, result: object) -> None:
        if result is not DELETE:
            raise TypeError(f"The handler returned {result!r}: it changes its row and returns nothing, or DELETE.")
        self._rows[key] = None
        self._deleted[key] = None

    def batch(self, position: int, event_id: str | None) -> Batch:
        """All that changed since the checkpoint, ready to be written. Raises FoldFailed."""
        changed = {key: row for key, row in self._rows.items() if row is not None and row._pos > self._checkpoint}
        try:
            packed = self._stored.pack(list(changed), list(changed.values()), settle=self._complete)
        except (InexactValue, KeyChanged) as error:
            raise FoldFailed(position) from error
        return Batch(position=position, event_id=event_id, upserts=packed, deletes=list(self._deleted), held=self._held)

    def written(self, position: int) -> None:
        """The batch is in the database: the rows stay for the next one."""
        self._checkpoint = position
        self._deleted = {}
        self._held = []


@contextmanager
def _blamed(position: int) -> Iterator[None]:
    """What goes wrong inside is the fault of a handler, a key or a value; unless the world is at fault."""
    try:
        yield
    except INFRASTRUCTURE:
        raise
    except Exception as error:
        raise FoldFailed(position) from error
