"""What the log says of some rows: derived as of the checkpoint they were read with, and held against them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from cqrs.drift.check import Found
from cqrs.drift.comparison import RowComparison
from cqrs.drift.derivation import Derivation, Deriver, why
from cqrs.errors import ShapeMismatch
from cqrs.projections.fingerprint import logic_of
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.projection import Projection
from cqrs.readmodels.codec import Packed, RowCodec
from cqrs.readmodels.difference import DifferenceKind
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.keys import key_of_text, key_text, key_texts
from cqrs.readmodels.rows import Key
from cqrs.readmodels.set_aside import Skips
from cqrs.readmodels.shape import difference, shape_of
from cqrs.readmodels.snapshots import RowSnapshots, Snapshot, StoredRow
from cqrs.readmodels.store import ReadModelStore
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes


@dataclass(slots=True)
class Judged:
    """Of one chunk, as of one position."""

    live: Generation
    #: What was looked at: rows, and keys that have none; where that is the rule, only those that should have one.
    checked: int = 0
    known: int = 0
    #: The texts of the keys that were looked at, and how many events were read for that.
    keys: Collection[str] = ()
    events: int = 0
    found: list[Found] = field(default_factory=list)
    #: Why rows could not be derived, by key.
    underived: dict[str, str] = field(default_factory=dict)
    #: An event of which not even the key can be read.
    unreadable: int | None = None
    other_logic: bool = False


class Judge:
    """For one projection. Its parts may be replaced, which is how tests see it fail."""

    def __init__(
        self,
        projection: type[Projection],
        *,
        events: EventStore,
        types: EventTypes,
        store: ReadModelStore,
        snapshots: RowSnapshots,
        keys: KeyIndex,
    ) -> None:
        dialect = snapshots.dialect
        self.projection = projection
        self.model = projection.model
        self.snapshots = snapshots
        self.comparison = RowComparison(projection.model, dialect, projection.ignore_columns)
        codec = RowCodec(projection.model, dialect)
        self.deriver = Deriver(projection, events=events, types=types, keys=keys, codec=codec)
        self._keys = keys
        self._store = store
        self._logic = logic_of(projection)
        self._shape = shape_of(projection.model)

    def live(self) -> Generation:
        """As it is now. Raises ReadModelMissing, ShapeMismatch."""
        return self.judged(self.snapshots.live(self.model)).live

    def judged(self, live: Generation) -> Judged:
        """An empty one. Raises ShapeMismatch."""
        if live.shape != self._shape:
            differs = difference(live.shape, self._shape) or "its columns are declared otherwise"
            raise ShapeMismatch(projection=self.model.name, generation=live.number, difference=differs)
        return Judged(live, other_logic=live.logic != self._logic)

    def skips(self) -> Skips:
        return self._store.skips(self.model.name)

    # Chunks

    def rows(
        self, after: tuple[Any, ...] | None, size: int, last: tuple[Any, ...] | None = None
    ) -> tuple[Judged, Snapshot]:
        """The next rows behind a stored key, up to the `last` one. Raises ReadModelMissing, ShapeMismatch."""
        snapshot = self.snapshots.chunk(self.model, after, size, last=last)
        return self._judge(snapshot, {}), snapshot

    def random_rows(self, size: int, but: Collection[str]) -> tuple[Judged, Snapshot]:
        """About `size` rows at random, or fewer; those whose keys are among `but` left out."""
        snapshot = self.snapshots.random(self.model, size)
        rows = [row for row in snapshot.rows if row.text not in but]
        return self._judge(Snapshot(snapshot.live, snapshot.parked, rows), {}), snapshot

    def keys(self, keys: Collection[Key]) -> tuple[Judged, Snapshot]:
        """These keys, with and without rows."""
        snapshot = self.snapshots.of_keys(self.model, list(keys))
        return self._judge(snapshot, {key_text(key): key for key in keys}), snapshot

    def without_row(self, texts: Sequence[str]) -> Judged:
        """Those of the keys that have no row: whether they should have one."""
        texts = self.snapshots.perhaps_absent(self.model, texts)
        keys = [key for key in (key_of_text(text, self.model) for text in texts) if key is not None]
        snapshot = self.snapshots.of_keys(self.model, keys)
        present = {row.text for row in snapshot.rows}
        absent = {text: key for key in keys if (text := key_text(key)) not in present}
        return self._judge(Snapshot(snapshot.live, snapshot.parked, ()), absent, count_absent=False)

    def _judge(self, snapshot: Snapshot, wanted: Mapping[str, Key], *, count_absent: bool = True) -> Judged:
        live = snapshot.live
        judged = self.judged(live)
        stored = {row.text: row for row in snapshot.rows if row.key is not None}
        keys = {text: row.key for text, row in stored.items()}
        absent = {text: key for text, key in wanted.items() if text not in stored}
        keys |= absent
        parked = keys.keys() & set(snapshot.parked)
        judged.known = len(parked)
        judged.keys = keys.keys()
        judged.checked = len(snapshot.rows) + (len(absent) if count_absent else 0)
        derivation = self.deriver.derivation([key for text, key in keys.items() if text not in parked], self.skips())
        derivation.advance(live.position)
        judged.events = derivation.events
        self._compare(judged, stored, derivation)
        judged.checked += 0 if count_absent else len(judged.found)
        judged.found += [self.no_key(row) for row in snapshot.rows if row.key is None]
        return judged

    def _compare(self, judged: Judged, stored: Mapping[str, StoredRow], derivation: Derivation) -> None:
        packed = derivation.packed(settle=False)
        judged.unreadable = derivation.unreadable
        judged.underived = {key_text(key): why(error) for key, error in derivation.failed.items()}
        keys, texts = list(derivation.rows), key_texts(derivation.rows)
        numbers = self._suspects([*map(stored.get, texts)], [*map(packed.get, keys)])
        suspects = {texts[n]: keys[n] for n in numbers}
        derivation.settled(suspects.values())
        for text, key in suspects.items():
            there, row = stored.get(text), derivation.rows[key]
            if text in judged.underived or (there is None and row is None):
                continue
            columns: dict[str, dict[str, object]]
            if there is None:
                kind = DifferenceKind.MISSING
                columns = {name: pair(None, value) for name, value in self.comparison.derived(row).items()}
            elif row is None:
                kind = DifferenceKind.EXTRA
                columns = {name: pair(value, None) for name, value in self.comparison.stored(there.packed).items()}
            else:
                kind = DifferenceKind.CHANGED
                differs = self.comparison.differences(there.packed, row, packed[key])
                columns = {name: pair(each.stored, each.expected) for name, each in differs.items()}
                if not columns:
                    continue
            last = derivation.last(key)
            judged.found.append(Found(key=text, kind=kind.value, columns=columns, last_event=last))

    def _suspects(self, there: Sequence[StoredRow | None], wanted: Sequence[Packed | None]) -> Sequence[int]:
        """The numbers of those that may differ, in order."""
        both = [
            (n, row.packed, other) for n, (row, other) in enumerate(zip(there, wanted, strict=True)) if row and other
        ]
        numbers, packed, expected = zip(*both, strict=True) if both else ((), (), ())
        unlike = self.comparison.unlike(packed, expected)
        if not unlike and len(both) == len(there):
            return ()
        like = set(numbers) - {numbers[n] for n in unlike}
        return [n for n in range(len(there)) if n not in like]

    def no_key(self, row: StoredRow) -> Found:
        """A row whose key is none: somebody else wrote it."""
        columns = {name: pair(value, None) for name, value in self.comparison.stored(row.packed).items()}
        return Found(key=row.text, kind=DifferenceKind.EXTRA.value, columns=columns, last_event=None)

    # A/A

    def differs_from_itself(self, keys: Sequence[Key], until: int) -> list[str]:
        """Texts of keys that come out otherwise when they are derived again: their handlers look at more than row and
        event, or what they do depends on how events are batched."""
        skips = self.skips()
        once, again = (self.deriver.derivation(keys, skips, settle_each=each) for each in (False, True))
        for each in (once, again):
            each.advance(until)
        first, second = once.packed(), again.packed()
        return sorted(key_text(key) for key in keys if self._other(key, once, first, again, second))

    def _other(self, key: Key, once: Derivation, first: Any, again: Derivation, second: Any) -> bool:
        if key in once.failed or key in again.failed:
            return (key in once.failed) != (key in again.failed)
        if key not in first or key not in second:
            return (key in first) != (key in second)
        return bool(self.comparison.differences(first[key], again.rows[key], second[key]))


def pair(stored: object, expected: object) -> dict[str, object]:
    return {"stored": json_value(stored), "expected": json_value(expected)}


def json_value(value: object) -> object:
    """As programs get it: decimals as text, moments in ISO 8601; what is no text becomes visible escapes."""
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return msgspec.to_builtins(value, str_keys=True, enc_hook=str)
