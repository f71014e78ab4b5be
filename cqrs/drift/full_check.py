"""The check of a whole read model against the log, a chunk of keys at a time, each exact at its own checkpoint.

First rows are walked by key: those that differ are changed, those the log knows nothing of are extra. Then the keys
of all events are walked: those that should have a row and have none are missing. No snapshot outlasts the reading of
one chunk's rows, because events up to a checkpoint do not change any more.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from cqrs.drift.checks import Check, Checks, Found, Verdict
from cqrs.drift.judge import Judge, Judged
from cqrs.errors import ShapeMismatch
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.progress import Progress
from cqrs.readmodels.keys import key_of_text

#: Keys a chunk at first; then as many as take about so long.
CHUNK_KEYS = 1_000
FEWEST_KEYS, MOST_KEYS = 50, 5_000
CHUNK_SECONDS = 0.2
SAVE_SECONDS = 1.0
#: Rows that are counted, for the progress shown.
COUNT_CAP = 10_000_000
#: Derived twice before anything is compared: keys, and events at most.
TWICE_KEYS, TWICE_EVENTS = 1_000, 20_000
#: Keys named in a reason.
NAMED = 3

ROWS, ABSENT = "rows", "keys without a row"


class FullCheck:
    """The handler of checks. `judge_of` gives the judge of a projection by its name."""

    def __init__(
        self,
        checks: Checks,
        keys: KeyIndex,
        judge_of: Callable[[str], Judge],
        *,
        chunk_keys: int = CHUNK_KEYS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = checks
        self._keys = keys
        self._judge_of = judge_of
        self._chunk_keys = chunk_keys
        self._monotonic = monotonic

    def carry_out(self, run: Progress) -> Mapping[str, Any]:
        given, name = run.parameters, run.operation.projection
        check = self._checks.begin(
            run.operation.id, name, level=given.get("level", "full"), reference=given.get("reference", "log")
        )
        if check.verdict is None:
            work = _Work(self._checks, self._keys, self._judge_of(name), run, check, self._chunk_keys, self._monotonic)
            check = work.to_the_end()
        return result_of(check)

    def undo(self, run: Progress) -> str:
        check = self._checks.of_operation(run.operation.id)
        if check is not None and check.verdict is None:
            self._checks.finish(check, Verdict.INCONCLUSIVE, "It did not come to its end.")
        return "No row was changed; what was found until then is kept."


def result_of(check: Check) -> dict[str, Any]:
    counts = {name: getattr(check, name) for name in ("checked", "missing", "extra", "changed", "pending")}
    return {"check": f"/api/checks/{check.id}", "verdict": check.verdict, "reason": check.reason, **counts}


class _Work:
    """One check, from where its cursor stands."""

    def __init__(
        self,
        checks: Checks,
        keys: KeyIndex,
        judge: Judge,
        run: Progress,
        check: Check,
        chunk_keys: int,
        monotonic: Callable[[], float],
    ) -> None:
        self._checks = checks
        self._keys = keys
        self._judge = judge
        self._name = judge.projection.name
        self._run = run
        self._check = check
        self._size = chunk_keys
        self._monotonic = monotonic
        self._saved = monotonic()
        self._unsaved: list[Found] = []
        self._other_logic = False

    def to_the_end(self) -> Check:
        part, after = self._place()
        self._index()
        if part == ROWS:
            try:
                unsteady = [] if after is not None else self._derive_twice()
            except ShapeMismatch as error:
                return self._checks.finish(self._check, Verdict.INCONCLUSIVE, str(error))
            if unsteady:
                return self._checks.finish(self._check, Verdict.NOT_DETERMINISTIC, _not_deterministic(unsteady))
        try:
            self._walk(part, after)
        except ShapeMismatch as error:
            self._save("")
            return self._checks.finish(self._check, Verdict.INCONCLUSIVE, str(error))
        return self._checks.finish(self._check, *self._verdict())

    def _place(self) -> tuple[str, str | None]:
        """Where to go on. A cursor that names no key of ours any more is no place."""
        if not self._check.cursor:
            if self._check.saves:
                self._check = self._checks.restart(self._check)
            return ROWS, None
        part, after = msgspec.json.decode(self._check.cursor, type=tuple[str, str | None])
        if part == ROWS and after is not None and key_of_text(after, self._judge.model) is None:
            self._check = self._checks.restart(self._check)
            return ROWS, None
        return part, after

    def _index(self) -> None:
        """So that looking up keys is cheap; what is appended later is found without."""
        self._run.phase("index keys")
        head = self._judge.snapshots.chunk(self._judge.model, None, 1).live.position
        while self._keys.indexed_to() < head and self._keys.follow():
            self._run.progress(self._keys.indexed_to(), total=head)

    def _derive_twice(self) -> list[str]:
        self._run.phase("derive twice")
        judge = self._judge
        snapshot = judge.snapshots.chunk(judge.model, None, TWICE_KEYS)
        keys = [row.key for row in snapshot.rows if row.key is not None and row.text not in snapshot.parked]
        positions = judge.deriver.positions(keys, snapshot.live.position)
        until = positions[TWICE_EVENTS - 1] if len(positions) > TWICE_EVENTS else snapshot.live.position
        return judge.differs_from_itself(keys, until)

    # Walking

    def _walk(self, part: str, after: str | None) -> None:
        if part == ROWS:
            self._walk_rows(after)
            part, after = ABSENT, None
        self._walk_keys(after)
        self._save("")

    def _walk_rows(self, after: str | None) -> None:
        judge = self._judge
        self._run.phase(ROWS, total=judge.snapshots.count(judge.model, COUNT_CAP))
        key = None if after is None else key_of_text(after, judge.model)
        end = None if after is None else judge.snapshots.stored_key(judge.model, key)
        while True:
            began = self._monotonic()
            judged, snapshot = judge.rows(end, self._size)
            end = snapshot.end
            self._take(judged)
            if end is None:
                break
            last = snapshot.rows[-1]
            self._rest(began, ROWS, None if last.key is None else last.text)
            self._run.progress(self._check.checked)

    def _walk_keys(self, after: str | None) -> None:
        """First the keys that are not indexed yet; whatever is indexed by then will be met on the way."""
        self._run.phase(ABSENT)
        met = set(self._checks.keys_of(self._check.id)) if after is not None else self._walk_unindexed()
        looked_at, more = 0, True
        while more:
            began = self._monotonic()
            texts, more = self._keys.keys_after(self._name, after, limit=self._size)
            after = texts[-1] if texts else after
            self._take(self._judge.without_row([text for text in texts if text not in met]))
            looked_at += len(texts)
            self._rest(began, ABSENT, after)
            self._run.progress(looked_at)

    def _walk_unindexed(self) -> set[str]:
        live = self._judge.without_row(()).live
        texts = self._keys.unindexed_keys(self._name, until=live.position)
        for start in range(0, len(texts), CHUNK_KEYS):
            self._take(self._judge.without_row(texts[start : start + CHUNK_KEYS]))
        return set(texts)

    def _take(self, judged: Judged) -> None:
        check, kinds = self._check, Counter(each.kind for each in judged.found)
        positions = [judged.live.position, *([check.position] if check.position is not None else [])]
        self._check = replace(
            check,
            generation=judged.live.number,
            position=min(positions),
            checked=check.checked + judged.checked + kinds["missing"],
            missing=check.missing + kinds["missing"],
            extra=check.extra + kinds["extra"],
            changed=check.changed + kinds["changed"],
            known=check.known + judged.known,
            underived=check.underived + len(judged.underived),
            reason=check.reason or _trouble(judged),
        )
        self._unsaved += judged.found
        self._other_logic = self._other_logic or judged.other_logic

    def _rest(self, began: float, part: str, after: str | None) -> None:
        """Between two chunks: save, and choose the size of the next one. A key that is none cannot be a cursor."""
        took = self._monotonic() - began
        if took > 2 * CHUNK_SECONDS:
            self._size = max(FEWEST_KEYS, self._size // 2)
        elif took < CHUNK_SECONDS / 2:
            self._size = min(MOST_KEYS, self._size * 2)
        if after is not None and self._monotonic() - self._saved > SAVE_SECONDS:
            self._save(msgspec.json.encode((part, after)).decode())
        self._keys.follow()

    def _save(self, cursor: str) -> None:
        self._check = self._checks.save(replace(self._check, cursor=cursor), self._unsaved)
        self._unsaved = []
        self._saved = self._monotonic()

    def _verdict(self) -> tuple[Verdict, str | None]:
        check = self._check
        if check.differing and self._other_logic:
            why = f"Generation {check.generation} was made by other code, so rows are expected to differ. Replay it."
            return Verdict.INCONCLUSIVE, why
        if check.differing:
            return Verdict.DRIFT, check.reason
        return (Verdict.INCONCLUSIVE if check.reason else Verdict.NONE), check.reason


def _trouble(judged: Judged) -> str | None:
    if judged.unreadable is not None:
        return f"The key of event {judged.unreadable} cannot be read, so nobody knows which row it belongs to."
    for key, error in judged.underived.items():
        return f"The row of key {key} cannot be derived: {error}"
    return None


def _not_deterministic(keys: Sequence[str]) -> str:
    named = ", ".join(keys[:NAMED]) + (" …" if len(keys) > NAMED else "")
    return (
        f"Derived twice from the same events, {len(keys):,} rows came out otherwise ({named}). The handlers look at "
        "more than the row and the event, or depend on how events are batched: correct them, then replay."
    )
