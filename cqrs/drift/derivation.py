"""Rows derived from nothing but the log: the events of some keys folded in order, up to a position.

No row that is stored is looked at, and no cache. So what comes out can be held against what readers see.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

from cqrs.drift.reading_ahead import read_ahead
from cqrs.errors import CqrsError, InexactValue, KeyChanged, KeyUnreadable
from cqrs.projections.failures import INFRASTRUCTURE, conceal, error_text
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.projection import DELETE, Projection
from cqrs.projections.routing import Raw, Router, Step
from cqrs.readmodels.codec import Packed, RowCodec
from cqrs.readmodels.keys import key_text, key_texts
from cqrs.readmodels.rows import Key, Row
from cqrs.readmodels.set_aside import Skips
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes

#: Events read at a time.
PAGE = 5_000

_NOT_OURS = object()

#: Told of each event that was applied: position, the row before (None: there was none) and after.
Watch = Callable[[Step, Row | None, Row | None], None]


class Deriver:
    """Begins derivations of one projection's rows."""

    def __init__(
        self, projection: type[Projection], *, events: EventStore, types: EventTypes, keys: KeyIndex, codec: RowCodec
    ) -> None:
        self.projection = projection
        self.router = Router(projection, types, events.get)
        self.codec = codec
        self._events = events
        self._keys = keys

    def derivation(self, keys: Iterable[Key], skips: Skips, *, settle_each: bool = False) -> Derivation:
        """`settle_each` gives a row the values it would be read back with after each event, not only at the end:
        what a handler makes of its row must not depend on how events are batched."""
        return Derivation(self, list(keys), skips, settle_each)

    def positions(self, keys: Iterable[Key], until: int) -> list[int]:
        return self._keys.positions_of_keys(self.projection.name, key_texts(keys), until=until)

    def have_more_than(self, most: int, keys: Iterable[Key], until: int) -> bool:
        """Whether more than `most` events would have to be read for these keys."""
        return self._keys.have_more_than(most, self.projection.name, key_texts(keys), until=until)

    def read(self, positions: Sequence[int]) -> Iterable[list[Raw]]:
        """Events in pages, those the projection does not handle left out."""
        parts = [positions[start : start + PAGE] for start in range(0, len(positions), PAGE)]
        return read_ahead(self._page, parts)

    def _page(self, positions: Sequence[int]) -> list[Raw]:
        page, routes = self._events.raw_at(positions, self.router.columns), self.router.routes
        return [raw for raw in page if raw[1] in routes]


class Derivation:
    """The rows of some keys. `advance` may be called again, with a higher position."""

    def __init__(self, deriver: Deriver, keys: Sequence[Key], skips: Skips, settle_each: bool) -> None:
        #: None stands for a row that does not exist.
        self.rows: dict[Key, Row | None] = dict.fromkeys(keys)
        #: Why a key cannot be derived; it has no row here then.
        self.failed: dict[Key, Exception] = {}
        #: The last event of each key that has no row here; a row tells its own.
        self._last: dict[Key, int] = {}
        #: The first event of which not even the key can be read.
        self.unreadable: int | None = None
        self.position = 0
        #: How many events concern the keys, up to the position.
        self.events = 0
        self._counted = 0
        #: The last event whose steps were all applied.
        self._done = 0
        self.watch: Watch | None = None
        self._deriver = deriver
        self._router = deriver.router
        self._skips = skips
        self._settle_each = settle_each

    def advance(self, until: int) -> None:
        """Fold the events of the keys up to `until`. Raises what the databases raise."""
        if until > self.position:
            positions = self._deriver.positions(self.rows, until)
            for page in self._deriver.read(positions[bisect_right(positions, self.position) :]):
                self._fold(page)
            self.position = until

    def last(self, key: Key) -> int | None:
        """The position of the last event of a key; None when it has none."""
        row = self.rows[key]
        return self._last.get(key) if row is None else int(row._pos)

    def packed(self, *, settle: bool = True) -> dict[Key, Packed]:
        """The rows there are, as the driver takes them. A row that could not be stored is failed. With `settle` each
        row gets the values it would be read back with; `settled` does that for some of them later."""
        keys = [key for key, row in self.rows.items() if row is not None]
        try:
            return dict(zip(keys, self._pack(keys, settle), strict=True))
        except (InexactValue, KeyChanged):
            for key, fault in self._deriver.codec.faults(keys, [self.rows[key] for key in keys]).items():
                self._fail(key, fault)
        keys = [key for key in keys if key not in self.failed]
        return dict(zip(keys, self._pack(keys, settle), strict=True))

    def settled(self, keys: Iterable[Key]) -> None:
        """Of rows that could be packed."""
        self._pack([key for key in keys if self.rows[key] is not None], settle=True)

    def _pack(self, keys: Sequence[Key], settle: bool) -> Sequence[Packed]:
        return self._deriver.codec.pack(keys, [self.rows[key] for key in keys], settle=settle)

    def _fold(self, page: Sequence[Raw]) -> None:
        self._done = 0
        try:
            self._apply(self._router.steps(page))
        except INFRASTRUCTURE:
            raise
        except Exception:  # an event that does not decode, or a key that cannot be made
            for raw in page:
                if raw[0] > self._done:
                    self._fold_one(raw)

    def _fold_one(self, raw: Raw) -> None:
        try:
            self._apply(list(self._router.steps([raw])))
        except INFRASTRUCTURE:
            raise
        except Exception as error:
            try:
                keys = self._router.keys_of(raw)
            except KeyUnreadable:
                self.unreadable = self.unreadable or raw[0]
                return
            for key in keys:
                if key in self.rows and not self._skipped(raw[0], key):
                    conceal(error, raw[3], self.rows[key])
                    self._fail(key, error)

    def _apply(self, steps: Iterable[Step]) -> None:
        """Raises what `steps` raises. A check spends most of its time here, so nothing is looked up twice."""
        rows, failed, last, skips, new_row = self.rows, self.failed, self._last, self._skips, self._router.model.new_row
        get, watch, settle_each = rows.get, self.watch, self._settle_each
        position, counted, events = self._done, self._counted, 0
        try:
            for step in steps:
                position, route, key, event, meta = step
                row = get(key, _NOT_OURS)
                if row is _NOT_OURS or (failed and key in failed) or (skips and self._skipped(position, key)):
                    continue
                if position != counted:  # an event of several keys is one
                    counted, events = position, events + 1
                if row is None and not route.creates:
                    last[key] = position
                    continue
                before = None if watch is None else self._copied(row)
                if row is None:
                    row = new_row(key)
                try:
                    result = route.apply(row, event) if meta is None else route.apply(row, event, meta)
                    if result is None:
                        row._pos, rows[key] = position, row
                    elif result is DELETE:
                        rows[key], last[key] = None, position
                    else:
                        raise TypeError(
                            f"The handler returned {result!r}: it changes its row and returns nothing, or DELETE."
                        )
                    if settle_each and result is None:
                        self._pack([key], settle=True)
                except INFRASTRUCTURE:
                    raise
                except Exception as error:
                    conceal(error, event, row)
                    self._fail(key, error)
                    last[key] = position
                    continue
                if watch is not None:
                    watch(step, before, self._copied(rows[key]))
        finally:
            self._done, self._counted = position, counted
            self.events += events

    def _copied(self, row: Row | None) -> Row | None:
        """Only for whoever watches; a copy of every row at every event would cost more than the fold."""
        if row is None:
            return None
        (packed,) = self._deriver.codec.pack([row.key], [row], settle=True)
        (copied,) = self._deriver.codec.unpack([packed])
        return copied

    def _skipped(self, position: int, key: Key) -> bool:
        return position in self._skips and key_text(key) in self._skips[position]

    def _fail(self, key: Key, error: Exception) -> None:
        row = self.rows[key]
        if row is not None:
            self._last[key] = row._pos
        self.failed[key] = error
        self.rows[key] = None


def why(error: Exception) -> str:
    told = error_text(error)
    return told.removeprefix(f"{type(error).__name__}: ") if isinstance(error, CqrsError) else told
