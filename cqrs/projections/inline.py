"""Inline projections: their rows move in the transaction of the command, just before its events are stored.

The checkpoint decides who applies an event. It is locked for the transaction, and whoever appends an event that an
inline projection handles is alone in drawing positions. So a command either finds it at the end of the log, or takes
the few events along that are missing; where more are missing the runner applies them first, as for any projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cqrs.errors import InlineRefused, RowsRefused
from cqrs.projections.building import is_operation
from cqrs.projections.careful_fold import CarefulFold, Culprit
from cqrs.projections.event_meta import PLAIN
from cqrs.projections.failures import error_text
from cqrs.projections.fold import Fold, FoldFailed
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Raw, Router
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.inside import Inside
from cqrs.readmodels.keys import key_of_text, key_text
from cqrs.readmodels.rows import Key
from cqrs.readmodels.set_aside import Skips
from cqrs.readmodels.shape import shape_of
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.sql_rows import SqlGenerationRows
from cqrs.store.inline import Appending, NotNow
from cqrs.store.instants import to_text
from cqrs.store.records import RecordedEvent
from cqrs.store.serialization import EventTypes

#: A command takes so many events of others along at most: those that came while a runner was about to reach the end.
MOST_BEHIND = 100

#: All of them, because nothing else of an event can be fetched before it is stored.
COLUMNS = (*PLAIN, *(name for name in RecordedEvent._fields if name not in PLAIN))


class InlineProjections:
    """Those among `projections` that are inline. `advanced` is told what was committed: name and position."""

    def __init__(
        self,
        projections: Iterable[type[Projection]],
        *,
        types: EventTypes,
        store: SqlReadModelStore,
        advanced: Callable[[str, int], None] = lambda name, position: None,
    ) -> None:
        inline = sorted((each for each in projections if each.inline), key=lambda each: each.name)
        self._members = [_Member(each, types, store) for each in inline]
        self._store = store
        self._advanced = advanced
        self.types = frozenset(name for each in inline for name in each.handled_types())

    def apply(self, appending: Appending) -> list[str]:
        """In the order of their names: two commands that concern the same ones never wait for each other in turn."""
        inside = self._store.inside(appending.connection)
        return [member.name for member in self._members if member.apply(appending, inside)]

    def announce(self, moved: Sequence[str], position: int) -> None:
        for name in moved:
            self._advanced(name, position)


class _Member:
    """One inline projection."""

    def __init__(self, projection: type[Projection], types: EventTypes, store: SqlReadModelStore) -> None:
        self.name = projection.name
        self._router = Router(projection, types, lambda position: None, columns=COLUMNS)
        self._shape = shape_of(projection.model)
        self._store = store
        self._rows: SqlGenerationRows | None = None
        self._number = 0

    def apply(self, appending: Appending, inside: Inside) -> bool:
        """False when the events do not concern it, or wait for the runner."""
        own = [_raw(event) for event in appending.events if event.type in self._router.routes]
        found = inside.live(self.name) if own else None
        if found is None:
            return False
        live, leased = found
        if live.halted or live.shape != self._shape:
            return False
        if leased and is_operation(live.owner):
            raise NotNow  # about to be replaced or compared: nobody moves it for that moment
        earlier = self._earlier(appending, live)
        if earlier is None:
            return False
        return self._write(appending, inside, live, earlier, own)

    def _earlier(self, appending: Appending, live: Generation) -> list[Raw] | None:
        """What others appended and nobody has applied yet; None when that is too much, when a process may have died
        of it, or when the log ends before the checkpoint: all of this is for the runner to find out."""
        last = appending.events[0].position - 1
        if live.position >= last:
            return [] if live.position == last else None
        if live.suspect is not None:
            return None
        found = appending.earlier(live.position, self._router.handled, MOST_BEHIND + 1, COLUMNS)
        return found if len(found) <= MOST_BEHIND else None

    def _write(
        self, appending: Appending, inside: Inside, live: Generation, earlier: list[Raw], own: list[Raw]
    ) -> bool:
        rows = self._rows_of(live).within(appending.connection)
        parked = {key_of_text(text, self._router.model) for text in inside.parked_positions(live)} - {None}
        skips = inside.skips(self.name) if earlier else {}
        last = appending.events[-1]
        try:
            batch = self._fast(rows, live, parked, skips, [*earlier, *own], last)
        except FoldFailed:
            fold = CarefulFold(self._router, rows, live, lambda key: False, parked=parked, skips=skips)
            fold.add([*earlier, *own])
            if fold.culprit is not None:
                return self._blame(fold.culprit, own[0][0])
            batch = fold.batch(last.position, last.event_id)
        try:
            rows.commit(live, batch)
        except RowsRefused as error:
            raise _refused(self.name, own[0][1], "unknown", error.facts["why"]) from error
        return True

    def _fast(
        self,
        rows: SqlGenerationRows,
        live: Generation,
        parked: set[Key],
        skips: Skips,
        page: list[Raw],
        last: RecordedEvent,
    ) -> Batch:
        fold = Fold(self._router, rows, live, parked=frozenset(parked), skips=skips)
        fold.add(page)
        return fold.batch(last.position, last.event_id)

    def _blame(self, culprit: Culprit, first: int) -> bool:
        """An event of somebody else that fails is no reason to refuse this command: that one is left to the runner."""
        if culprit.position < first:
            return False
        key = "unreadable" if culprit.key is None else key_text(culprit.key)
        raise _refused(self.name, culprit.event_type, key, error_text(culprit.error)) from culprit.error

    def _rows_of(self, live: Generation) -> SqlGenerationRows:
        rows, number = self._rows, self._number
        if rows is None or number != live.number:
            rows = self._store.rows(self._router.model, live.number)
            self._rows, self._number = rows, live.number
        return rows


def _refused(name: str, type_: str, key: str, why: object) -> InlineRefused:
    return InlineRefused(projection=name, type=type_, key=key, why=str(why).rstrip("."))


def _raw(event: RecordedEvent) -> Raw:
    values = event._replace(recorded_at=to_text(event.recorded_at))._asdict()  # type: ignore[arg-type]
    return tuple(values[name] for name in COLUMNS)
