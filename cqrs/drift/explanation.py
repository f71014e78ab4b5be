"""Why a row is as it is: the events that made it, what each of them changed, and whether what is stored agrees."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cqrs.drift.derivation import why
from cqrs.drift.judge import Judge
from cqrs.errors import HistoryTooLong, NotFound
from cqrs.masking import is_sensitive
from cqrs.messages import event_name, summary_of
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.routing import Step
from cqrs.readmodels.keys import key_of_text
from cqrs.readmodels.rows import Row
from cqrs.readmodels.store import ReadModelStore

#: Events that are shown unless somebody asks for fewer.
MOST_EVENTS = 1_000
#: Events that are derived for one look: somebody waits for it.
MOST_DERIVED = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of the history: the last events before a position, or with `after` the first ones behind it."""

    before: int | None = None
    after: int | None = None
    limit: int = MOST_EVENTS


WHOLE = Window()


@dataclass(frozen=True, slots=True)
class Change:
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class AppliedEvent:
    position: int
    type: str
    summary: str | None
    changes: Mapping[str, Change]
    #: Whether it made the row, or removed it.
    made: bool = False
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All as of `position`. A row that does not exist is None."""

    projection: str
    key: str
    generation: int
    position: int
    stored: Mapping[str, object] | None
    derived: Mapping[str, object] | None
    #: None where nobody can tell: the key is parked, or its row cannot be derived.
    equal: bool | None
    #: Columns in which stored and derived differ.
    differing: Sequence[str]
    parked: bool
    #: Why the row cannot be derived.
    error: str | None
    #: The event that failed when the row was derived.
    failed_at: int | None
    #: Oldest first; those of the window that was asked for.
    events: Sequence[AppliedEvent]
    #: How many of its events come before those, and behind them.
    earlier: int
    following: int
    #: By column, position and type of the event that gave it the derived value.
    last_set: Mapping[str, tuple[int, str]]
    #: Positions of its events that the projection has not come to yet.
    later: Sequence[int]


def explain(
    judge: Judge,
    store: ReadModelStore,
    keys: KeyIndex,
    text: str,
    *,
    head: int,
    window: Window = WHOLE,
    most: int = MOST_DERIVED,
) -> Explanation:
    """Raises NotFound when there is no such key: neither a row nor an event of it; HistoryTooLong when it has more than
    `most` events up to the checkpoint."""
    key = key_of_text(text, judge.model)
    if key is None:
        raise NotFound(what=f"key of {judge.model.name}", name=text[:64])
    snapshot = judge.snapshots.of_keys(judge.model, [key])
    until = snapshot.live.position
    positions = keys.positions_of(judge.model.name, text, until=head)
    later = [each for each in positions if each > until]
    if len(positions) - len(later) > most:
        count = len(positions) - len(later)
        raise HistoryTooLong(name=judge.model.name, events=f"{count:,}", most=f"{most:,}")
    derivation = judge.deriver.derivation([key], store.skips(judge.model.name))
    history = _History(judge, window)
    derivation.watch = history.add
    derivation.advance(until)
    packed = derivation.packed()
    row, there = derivation.rows[key], next(iter(snapshot.rows), None)
    if there is None and not history.count and not later:
        raise NotFound(what=f"row of {judge.model.name} with the key", name=text[:64])
    stored = None if there is None else judge.comparison.stored(there.packed)
    derived = None if row is None else judge.comparison.derived(row)
    differing: list[str] = []
    if there is not None and row is not None:
        differing = list(judge.comparison.differences(there.packed, row, packed[key]))
    failed, parked = derivation.failed.get(key), text in snapshot.parked
    return Explanation(
        projection=judge.model.name,
        key=text,
        generation=snapshot.live.number,
        position=until,
        stored=stored,
        derived=derived,
        equal=None if failed or parked else (there is None) == (row is None) and not differing,
        differing=differing,
        parked=parked,
        error=None if failed is None else why(failed),
        failed_at=None if failed is None else derivation.last(key),
        events=list(history.events),
        earlier=history.count - history.behind - len(history.events),
        following=history.behind,
        last_set=history.last_set,
        later=later,
    )


class _History:
    def __init__(self, judge: Judge, window: Window) -> None:
        self._comparison = judge.comparison
        self._window = window
        #: Of a window at the end only the last ones are kept.
        self.events: deque[AppliedEvent] = deque(maxlen=window.limit if window.after is None else None)
        self.count = 0
        #: Events behind those that are kept.
        self.behind = 0
        self.last_set: dict[str, tuple[int, str]] = {}

    def add(self, step: Step, before: Row | None, after: Row | None) -> None:
        position, route, _, event, _ = step
        old, new = (None if row is None else self._comparison.derived(row) for row in (before, after))
        names = (old or new or {}).keys()
        values = ((name, (old or {}).get(name), (new or {}).get(name)) for name in names)
        changes = {name: Change(one, other) for name, one, other in values if one != other}
        kind = event_name(route.handler.event)
        self.last_set.update(dict.fromkeys(names if old is None else changes, (position, kind)))
        self.count += 1
        if self._is_behind(position):
            self.behind += 1
        elif self._window.after is None or position > self._window.after:
            made, removed = old is None and new is not None, old is not None and new is None
            self.events.append(AppliedEvent(position, kind, summary_of(event, is_sensitive), changes, made, removed))

    def _is_behind(self, position: int) -> bool:
        window = self._window
        if window.after is not None:
            return len(self.events) >= window.limit and position > window.after
        return window.before is not None and position >= window.before
