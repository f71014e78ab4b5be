"""The fold again, event by event, after the fast one failed: it finds whose fault it is and sets that key aside.

Each event is applied to a copy of its row, and what came out is checked as if it were written, so a failure leaves
no trace. What fails is run once more with everything made afresh, then it counts.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cqrs.errors import KeyUnreadable, ProcessDied
from cqrs.projections.failures import INFRASTRUCTURE, conceal, error_text, traceback_text
from cqrs.projections.projection import DELETE
from cqrs.projections.routing import Raw, Router
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.keys import key_text
from cqrs.readmodels.rows import Key, Row
from cqrs.readmodels.set_aside import ParkedKey, Skips
from cqrs.readmodels.store import GenerationRows

ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Culprit:
    """The event at which a projection has to stop. `key` is None when not even that could be read."""

    position: int
    event_type: str
    key: Key | None
    error: Exception


@dataclass(slots=True)
class CarefulFold:
    """For one batch. A failing key that `may_park` allows is set aside, else the failure is the `culprit`."""

    router: Router
    stored: GenerationRows
    held: Generation
    may_park: Callable[[Key], bool]
    #: Keys already parked; grows by those parked here.
    parked: set[Key]
    #: What the database refuses of the batch, when it consists of one event.
    refused: Mapping[Key, Exception] = field(default_factory=dict)
    skips: Skips = field(default_factory=dict)
    culprit: Culprit | None = None
    newly_parked: list[ParkedKey] = field(default_factory=list)
    _rows: dict[Key, Row | None] = field(default_factory=dict)
    _unreadable: dict[Key, Exception] = field(default_factory=dict)
    _changed: dict[Key, None] = field(default_factory=dict)
    _waiting: list[tuple[str, int]] = field(default_factory=list)

    def add(self, page: Sequence[Raw]) -> None:
        """Fold up to the end of the page, or to the event before the culprit."""
        for raw in page:
            try:
                keys = self.router.keys_of(raw)
            except KeyUnreadable as error:
                conceal(error, raw[3])
                self.culprit = Culprit(raw[0], raw[1], None, error)
                return
            if raw[0] in self.skips:
                keys = [key for key in keys if key_text(key) not in self.skips[raw[0]]]
            self._load(keys)
            self._apply(raw, keys)
            if self.culprit is not None:
                return

    def follow(self, key: Key, row: Row | None, page: Sequence[Raw]) -> Row | None:
        """Fold only what these events mean to one key, onto its row; returns the row as it is after them, or before
        the culprit."""
        self._rows[key] = row
        self._changed[key] = None
        for raw in page:
            if key_text(key) not in self.skips.get(raw[0], ()):
                self._apply(raw, [key])
            if self.culprit is not None:
                break
        return self._rows[key]

    def _load(self, keys: Sequence[Key]) -> None:
        missing = [key for key in keys if key not in self._rows and key not in self._unreadable]
        loaded = self.stored.load(missing)
        for row in loaded.rows.values() if self.held.state is GenerationState.LIVE else ():
            row._pos = min(row._pos, self.held.position)
        self._unreadable.update(loaded.unreadable)
        self._rows.update(dict.fromkeys(missing))
        self._rows.update(loaded.rows)

    def _apply(self, raw: Raw, keys: Sequence[Key]) -> None:
        """All keys of one event, or none if it is the culprit."""
        position, type_ = raw[:2]
        results: dict[Key, Row | None] = {}
        failures: dict[Key, Exception] = {}
        for key in keys:
            if key in self.parked:
                continue
            result = self._try(raw, key)
            if isinstance(result, Exception):
                result = self._try(raw, key)
            if not isinstance(result, Exception):
                results[key] = result
            elif self.may_park(key):
                failures[key] = result
            else:
                self.culprit = Culprit(position, type_, key, result)
                return
        self._keep(raw, keys, results, failures)

    def _keep(
        self, raw: Raw, keys: Sequence[Key], results: Mapping[Key, Row | None], failures: Mapping[Key, Exception]
    ) -> None:
        position, type_ = raw[:2]
        for key, row in results.items():
            if row is not self._rows[key]:
                self._rows[key] = row
                self._changed[key] = None
        for key, error in failures.items():
            self.parked.add(key)
            self.newly_parked.append(parked_key(key, position, type_, error))
        self._waiting += [(key_text(key), position) for key in keys if key in self.parked]

    def _try(self, raw: Raw, key: Key) -> Row | Exception | None:
        """The row after the event; the very same object when the event means nothing to it; or what went wrong."""
        try:
            return self._attempt(raw, key)
        except INFRASTRUCTURE:
            raise
        except Exception as error:
            conceal(error, raw[3], self._rows.get(key))
            return error

    def _attempt(self, raw: Raw, key: Key) -> Row | None:
        for errors in (self._unreadable, self.refused):
            if key in errors:
                raise errors[key]
        route, position = self.router.routes[raw[1]], raw[0]
        event, meta = self.router.read(raw)
        before = self._rows[key]
        if (before is None and not route.creates) or (before is not None and position <= before._pos):
            return before
        row = self.router.model.new_row(key) if before is None else copy.deepcopy(before)
        result = route.apply(row, event, meta) if route.wants_meta else route.apply(row, event)
        if result is DELETE:
            return None
        if result is not None:
            raise TypeError(f"The handler returned {result!r}: it changes its row and returns nothing, or DELETE.")
        row._pos = position
        self.stored.pack([key], [row])
        return row

    def changed_keys(self) -> list[Key]:
        return list(self._changed)

    def written_keys(self) -> list[Key]:
        """Those of the batch's upserts, in their order."""
        return [key for key in self._changed if self._rows[key] is not None]

    def batch(self, position: int, event_id: str | None) -> Batch:
        written = self.written_keys()
        return Batch(
            position=position,
            event_id=event_id,
            upserts=self.stored.pack(written, [self._rows[key] for key in written]),
            deletes=[key for key in self._changed if self._rows[key] is None],
            parked=self.newly_parked,
            held=self._waiting,
        )


def parked_key(key: Key, position: int, event_type: str, error: Exception) -> ParkedKey:
    return ParkedKey(
        key=key_text(key),
        position=position,
        event_type=event_type,
        error=error_text(error),
        traceback=traceback_text(error),
        attempts=error.deaths if isinstance(error, ProcessDied) else ATTEMPTS,
    )
