"""The check of a SQL projection: nobody can tell which events a row of it comes from, so all are derived anew.

Beside what readers see, its statements fill a scratch generation. Of each table the next rows that readers see are
read together with their checkpoint; the scratch generation is moved to exactly that, and its rows of the same keys are
read. So nothing is held up, and no row differs because one side is ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.drift.bench import COUNT_CAP
from cqrs.drift.check import Found
from cqrs.drift.checks import Also
from cqrs.drift.comparison import RowComparison
from cqrs.drift.coverage import Coverages
from cqrs.drift.judge import Judged, pair
from cqrs.drift.tally import Tally
from cqrs.errors import ShapeMismatch
from cqrs.projections.fingerprint import logic_of
from cqrs.projections.progress import Progress
from cqrs.projections.projection import Projection
from cqrs.projections.scratch import Scratch
from cqrs.readmodels.codec import Packed
from cqrs.readmodels.difference import DifferenceKind
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.keys import key_of_text
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.shape import difference, shape_of
from cqrs.readmodels.snapshots import RowSnapshots, Snapshot, StoredRow

CHUNK_ROWS = 1_000

DERIVE, COMPARE = "derive again", "compare"


class Overtaken(Exception):
    """Readers see an older state than before, so it cannot be compared any more."""


@dataclass(frozen=True, slots=True)
class TableBench:
    projection: type[Projection]
    snapshots: RowSnapshots
    scratch: Scratch
    coverages: Coverages
    run: Progress
    tally: Tally


def check_tables(bench: TableBench) -> Also:
    """Goes on where a crash stopped it. Raises ShapeMismatch, ReplayStopped, Overtaken."""
    tally, models = bench.tally, bench.projection.models()
    cursor = tally.check.cursor
    name, after = msgspec.json.decode(cursor, type=tuple[str, str | None]) if cursor else ("", None)
    names = [str(model.name) for model in models]
    if name not in names or not cursor:
        name, after = names[0], None
        if tally.check.saves:
            tally.restart()
        rows = sum(bench.snapshots.count(model, COUNT_CAP) for model in models)
        tally.tell(rows=rows, method=f"All rows, derived anew from all events, of {', '.join(names)}.")
    bench.run.phase(DERIVE)
    bench.scratch.advance(bench.snapshots.of_keys(models[0], ()).live.position)
    bench.run.phase(COMPARE, total=tally.check.rows)
    for model in models[names.index(name) :]:
        _Table(bench, model).walk(after)
        after = None
    tally.all_seen = True
    tally.tell(events=tally.check.events + bench.scratch.applied)
    return lambda connection: _cover(bench, connection)


def _cover(bench: TableBench, connection: sa.Connection) -> None:
    check = bench.tally.check
    if check.generation_id is not None:
        bench.coverages.see_all(connection, check.projection, check.generation_id, check.id, check.started_at)


class _Table:
    def __init__(self, bench: TableBench, model: RowModel) -> None:
        self._bench = bench
        self._model = model
        self._comparison = RowComparison(model, bench.snapshots.dialect, bench.projection.ignore_columns)
        self._prefix = "" if model.name == bench.projection.name else f"{model.name}: "

    def walk(self, after: str | None) -> None:
        """Behind the key of this text; from the beginning where that is none of ours any more."""
        key = None if after is None else key_of_text(after, self._model)
        end = None if key is None else self._bench.snapshots.stored_key(self._model, key)
        last_key = self._last_key()
        while True:
            end, last = self._chunk(end)
            self._bench.run.progress(self._bench.tally.check.checked)
            if end is None or _is_past(end, last_key):
                return
            if last is not None and self._bench.tally.due:
                self._bench.tally.save(msgspec.json.encode((str(self._model.name), last)).decode())

    def _last_key(self) -> tuple[Any, ...] | None:
        """Of both sides as they are at the beginning: rows that come behind it are new. Without it, nobody would come
        to the end of a table that grows there as fast as it can be derived."""
        snapshots = self._bench.snapshots
        live = snapshots.of_keys(self._model, ()).live
        ends = [snapshots.last_key(self._model, number) for number in (live.number, self._bench.scratch.number)]
        return _higher([end for end in ends if end is not None])

    def _chunk(self, after: tuple[Any, ...] | None) -> tuple[tuple[Any, ...] | None, str | None]:
        """Returns where the next one begins, as the driver has it and as text."""
        snapshots, scratch = self._bench.snapshots, self._bench.scratch
        shown = snapshots.chunk(self._model, after, CHUNK_ROWS)
        self._refuse_other_shape(shown.live)
        if not scratch.advance(shown.live.position):
            raise Overtaken("Readers were given an older state of the rows meanwhile: check it again.")
        made = snapshots.chunk(self._model, after, CHUNK_ROWS, number=scratch.number)
        end = _lower([each.end for each in (shown, made) if each.end is not None])
        self._compare(shown.live, self._until(end, shown), self._until(end, made))
        texts = [row.text for row in (*shown.rows, *made.rows) if row.key is not None and self._key(row) == end]
        return end, texts[0] if texts else None

    def _refuse_other_shape(self, live: Generation) -> None:
        model = self._bench.projection.model
        if live.shape != shape_of(model):
            differs = difference(live.shape, shape_of(model)) or "its columns are declared otherwise"
            raise ShapeMismatch(projection=model.name, generation=live.number, difference=differs)

    def _key(self, row: StoredRow) -> tuple[Any, ...]:
        return row.packed[: len(self._model.key_columns)]

    def _until(self, end: tuple[Any, ...] | None, found: Snapshot) -> dict[tuple[Any, ...], StoredRow]:
        """In their order, so the first one behind the end ends them, also where it cannot be compared with it."""
        rows: dict[tuple[Any, ...], StoredRow] = {}
        for row in found.rows:
            rows[self._key(row)] = row
            if self._key(row) == end:
                return rows
        if end is None or found.end is None or found.end == end:
            return rows
        return {key: row for key, row in rows.items() if key <= end}

    def _compare(
        self, live: Generation, shown: dict[tuple[Any, ...], StoredRow], made: dict[tuple[Any, ...], StoredRow]
    ) -> None:
        other_logic = live.logic != logic_of(self._bench.projection)
        judged = Judged(live, checked=len(shown) + len(made.keys() - shown.keys()), other_logic=other_logic)
        judged.keys = {self._prefix + row.text for row in (*shown.values(), *made.values())}
        for key, row in (made | shown).items():
            found = self._difference(row.text, shown.get(key), made.get(key))
            if found is not None:
                judged.found.append(found)
        self._bench.tally.take(judged, derive_twice=False)

    def _difference(self, text: str, there: StoredRow | None, wanted: StoredRow | None) -> Found | None:
        if there is None or wanted is None:
            kind = DifferenceKind.MISSING if there is None else DifferenceKind.EXTRA
            stored, expected = (None if row is None else self._comparison.stored(row.packed) for row in (there, wanted))
            names = stored or expected or {}
            columns = {name: pair((stored or {}).get(name), (expected or {}).get(name)) for name in names}
        else:
            kind = DifferenceKind.CHANGED
            differs = self._comparison.packed_differences(there.packed, wanted.packed)
            columns = {name: pair(each.stored, each.expected) for name, each in differs.items()}
            if not columns:
                return None
        return Found(self._prefix + text, kind.value, columns, None)


def _lower(ends: Sequence[Packed]) -> Packed | None:
    try:
        return min(ends, default=None)
    except TypeError:  # somebody wrote a key of another type
        return ends[0]


def _higher(ends: Sequence[Packed]) -> Packed | None:
    try:
        return max(ends, default=None)
    except TypeError:
        return None


def _is_past(end: Packed, last: Packed | None) -> bool:
    try:
        return last is not None and end >= last
    except TypeError:
        return False
