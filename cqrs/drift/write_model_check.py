"""The check of all rows against the tables of the write side.

Those stand at the head of the log, rows at their checkpoint. So rows are read first, then the write model: where they
differ and an event of the key comes behind the checkpoint, nobody can tell yet. Such a key is pending: it is looked at
again once the checkpoint has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from cqrs.drift.bench import Bench
from cqrs.drift.check import MOST_FINDINGS, Found
from cqrs.drift.checks import Also
from cqrs.drift.judge import pair
from cqrs.drift.key_walk import CHUNK_KEYS
from cqrs.drift.write_model_rows import Values, WriteModelRows
from cqrs.readmodels.difference import DifferenceKind
from cqrs.readmodels.keys import key_of_text, key_text
from cqrs.readmodels.rows import Key
from cqrs.readmodels.snapshots import Snapshot, StoredRow

#: How long pending keys are waited for, and how long between two looks at them.
PENDING_SECONDS, LOOK_SECONDS = 5.0, 0.5
#: Pending keys that are looked at again; more are only counted.
MOST_PENDING = 10_000

ROWS, WRITE_MODEL, PENDING = "rows", "keys of the write model", "pending keys"


@dataclass(frozen=True, slots=True)
class WriteModelSide:
    rows: WriteModelRows
    #: The last position there is, proven or not: whoever changed a write model has appended by then.
    head: Callable[[], int]
    #: Until the projection of this name has applied a position, so many seconds at most.
    wait: Callable[[str, int, float], int]


class _Cursor(msgspec.Struct):
    part: str
    after: str | None
    pending: list[str]


def check_write_model(bench: Bench, side: WriteModelSide) -> Also:
    """Goes on where a crash stopped it."""
    return _Work(bench, side).to_the_end()


class _Work:
    def __init__(self, bench: Bench, side: WriteModelSide) -> None:
        self._bench = bench
        self._side = side
        self._judge = bench.judge
        self._model = bench.judge.model
        self._skipped = {text for texts in bench.judge.skips().values() for text in texts}
        #: Texts of keys that nobody can judge yet.
        self._pending: dict[str, None] = {}
        #: How many more there are.
        self._uncounted = 0

    def to_the_end(self) -> Also:
        tally, cursor = self._bench.tally, self._begun()
        if cursor is None:
            if tally.check.saves:
                tally.restart()
            tables = ", ".join(self._side.rows.tables)
            tally.tell(rows=self._bench.count_rows(), method=f"All rows, and all keys of the write model ({tables}).")
            cursor = _Cursor(ROWS, None, [])
        self._pending = dict.fromkeys(cursor.pending)
        if cursor.part == ROWS:
            self._walk_rows(cursor.after)
            cursor = _Cursor(WRITE_MODEL, None, [])
        self._walk_write_model(None if cursor.after is None else key_of_text(cursor.after, self._model))
        self._settle()
        tally.tell(pending=len(self._pending) + self._uncounted)
        tally.all_seen = True
        return lambda connection: None

    def _begun(self) -> _Cursor | None:
        """A cursor at a key that is none of ours any more is no place."""
        text = self._bench.tally.check.cursor
        cursor = msgspec.json.decode(text, type=_Cursor) if text else None
        if cursor is None or (cursor.after is not None and key_of_text(cursor.after, self._model) is None):
            return None
        return cursor

    # Walking

    def _walk_rows(self, after: str | None) -> None:
        snapshots, tally = self._judge.snapshots, self._bench.tally
        self._bench.run.phase(ROWS, total=tally.check.rows)
        end = None if after is None else snapshots.stored_key(self._model, key_of_text(after, self._model))
        while True:
            snapshot = snapshots.chunk(self._model, end, CHUNK_KEYS)
            keys = [row.key for row in snapshot.rows if row.key is not None]
            foreign = [self._judge.no_key(row) for row in snapshot.rows if row.key is None]
            self._compare(snapshot, keys, self._side.rows.of_keys(keys), foreign)
            self._bench.run.progress(tally.check.checked)
            end = snapshot.end
            if end is None:
                return
            last = snapshot.rows[-1]
            self._save(ROWS, None if last.key is None else last.text)

    def _walk_write_model(self, after: Key | None) -> None:
        """Keys without a row. They are read again behind the rows, which must be the older ones."""
        self._bench.run.phase(WRITE_MODEL)
        looked_at = 0
        while keys := self._side.rows.keys_after(after, CHUNK_KEYS):
            after = keys[-1]
            snapshot = self._judge.snapshots.of_keys(self._model, keys)
            present = {row.key for row in snapshot.rows}
            absent = [key for key in keys if key not in present]
            if absent:
                alone = Snapshot(snapshot.live, snapshot.parked, ())
                self._compare(alone, absent, self._side.rows.of_keys(absent))
            looked_at += len(keys)
            self._bench.run.progress(looked_at)
            self._save(WRITE_MODEL, key_text(after))

    def _save(self, part: str, after: str | None) -> None:
        if after is not None and self._bench.tally.due:
            cursor = _Cursor(part, after, list(self._pending))
            self._bench.tally.save(msgspec.json.encode(cursor).decode())

    def _settle(self) -> None:
        """Look at pending keys again, each time the checkpoint has moved on, for some seconds."""
        if not self._pending:
            return
        self._bench.run.phase(PENDING, total=len(self._pending))
        until = self._bench.monotonic() + PENDING_SECONDS
        while self._pending and self._bench.monotonic() < until:
            self._side.wait(self._bench.name, self._side.head(), LOOK_SECONDS)
            texts, self._pending = list(self._pending), {}
            for start in range(0, len(texts), CHUNK_KEYS):
                keys = [key_of_text(text, self._model) for text in texts[start : start + CHUNK_KEYS]]
                snapshot = self._judge.snapshots.of_keys(self._model, keys)
                self._compare(snapshot, keys, self._side.rows.of_keys(keys), count=False)
            self._bench.run.progress(len(texts) - len(self._pending))

    # Comparing

    def _compare(
        self,
        snapshot: Snapshot,
        keys: Sequence[Key],
        wanted: Mapping[Key, Values],
        found: Sequence[Found] = (),
        *,
        count: bool = True,
    ) -> None:
        judged = self._judge.judged(snapshot.live)
        texts = {key_text(key): key for key in keys}
        known = {text for text in texts if text in snapshot.parked or text in self._skipped}
        stored = {row.text: row for row in snapshot.rows}
        suspects = {
            text: difference
            for text, key in texts.items()
            if text not in known and (difference := self._difference(stored.get(text), wanted.get(key)))
        }
        moving = self._touched_behind(snapshot.live.position, suspects) if suspects else ()
        for text, (kind, columns) in suspects.items():
            if text in moving:
                self._hold(text)
            else:
                judged.found.append(Found(text, kind.value, columns, self._last_event(text, snapshot.live.position)))
        judged.found += found
        judged.keys = texts.keys() - set(moving)
        judged.known = len(known)
        judged.checked = len(snapshot.rows) if count else 0
        judged.checked += sum(each.kind == DifferenceKind.MISSING for each in judged.found)
        self._bench.tally.take(judged, derive_twice=False)

    def _hold(self, text: str) -> None:
        if len(self._pending) < MOST_PENDING:
            self._pending[text] = None
        elif text not in self._pending:
            self._uncounted += 1

    def _difference(
        self, there: StoredRow | None, wanted: Values | None
    ) -> tuple[DifferenceKind, dict[str, dict[str, object]]] | None:
        if there is None:
            columns = {name: pair(None, value) for name, value in (wanted or {}).items()}
            return None if wanted is None else (DifferenceKind.MISSING, columns)
        stored = self._judge.comparison.stored(there.packed)
        if wanted is None:
            return DifferenceKind.EXTRA, {name: pair(value, None) for name, value in stored.items()}
        same = self._judge.comparison.same
        columns = {n: pair(stored[n], value) for n, value in wanted.items() if not same(n, stored[n], value)}
        return (DifferenceKind.CHANGED, columns) if columns else None

    def _touched_behind(self, position: int, suspects: Mapping[str, Any]) -> Collection[str]:
        """Those of the keys that events behind this position concern; all of them where there are too many events."""
        sizes, head = self._bench.sizes, self._side.head()
        touched = self._bench.keys.touched_keys(
            self._bench.name, after=position, until=head, most=sizes.touched_keys, most_events=sizes.touched_events
        )
        return suspects.keys() if touched is None else touched & suspects.keys()

    def _last_event(self, text: str, until: int) -> int | None:
        """Looked up for findings that are kept."""
        if self._bench.tally.check.differing >= MOST_FINDINGS:
            return None
        positions = self._bench.keys.positions_of(self._bench.name, text, until=until)
        return positions[-1] if positions else None
