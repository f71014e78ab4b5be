"""Repair: rows that differ from the log are written anew from it, and nothing else is touched.

Most of a row's events are folded before anything is locked. Then the checkpoint is held, what came meanwhile is
folded, and the row is written, all or nothing: a reader sees the row as it was or as it should be. Repeatable: a row
that is right already is left alone.

Rows and trail may lie in two databases. So what is going to be done is written down first; whoever goes on after a
crash finds which of it was done and not told yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.drift.check import REPAIRED, Check, Found, Verdict
from cqrs.drift.checks import Checks
from cqrs.drift.derivation import Derivation
from cqrs.drift.judge import Judge
from cqrs.drift.repair_plan import TWICE_KEYS, Deed, advice_on, plan, refuse_unsteady
from cqrs.projections.progress import Progress
from cqrs.readmodels.keys import key_of_text, key_text
from cqrs.readmodels.row_repairs import Rewrite, RowRepairs
from cqrs.readmodels.rows import Key
from cqrs.readmodels.snapshots import Snapshot
from cqrs.readmodels.store import ReadModelStore

#: Keys a transaction: it holds the checkpoint some 10 ms.
PART = 50
#: Leaves an audit row in a transaction of the main database: actor, projection, reason and what was done.
Note = Callable[[sa.Connection, str, str, str | None, Mapping[str, Any]], None]


class _Cursor(msgspec.Struct, frozen=True):
    """How many rows were repaired and told of; and what comes next, or was done when the worker died."""

    repaired: int = 0
    planned: list[Deed] = []

    def encoded(self) -> str:
        return msgspec.json.encode(self).decode()


class Repair:
    """The handler of repairs."""

    def __init__(
        self,
        checks: Checks,
        judge_of: Callable[[str], Judge],
        repairs: RowRepairs,
        store: ReadModelStore,
        note: Note,
    ) -> None:
        self._checks = checks
        self._judge_of = judge_of
        self._repairs = repairs
        self._store = store
        self._note = note

    def carry_out(self, run: Progress) -> Mapping[str, Any]:
        name = run.operation.projection
        judge = self._judge_of(name)
        texts = list(dict.fromkeys(run.parameters.get("keys") or self._checks.keys_of(run.parameters["check"])))
        keys = [key for key in (key_of_text(text, judge.model) for text in texts) if key is not None]
        if len(keys) < len(texts):
            run.error(f"{len(texts) - len(keys):,} keys can be the key of no row, so only a replay removes those rows.")
        refuse_unsteady(judge, keys)
        origin = judge.snapshots.origin(name)
        check = self._checks.begin(run.operation.id, name, level=REPAIRED, reference="log", origin=origin)
        if check.verdict is None:
            check = self._repair(run, judge, keys, check)
            check = self._look_again(run, judge, keys, check)
        advice = advice_on(judge, len(texts))
        if advice is not None:
            run.log(advice)
        return {"repaired": _cursor_of(check).repaired, "check": f"/api/checks/{check.id}", "recommendation": advice}

    def undo(self, run: Progress) -> str:
        check = self._checks.of_operation(run.operation.id)
        if check is not None and check.verdict is None:
            self._checks.finish(check, Verdict.INCONCLUSIVE, "The repair did not come to its end.")
        return "Rows that were repaired until then stay repaired; no other row was touched."

    def _repair(self, run: Progress, judge: Judge, keys: Sequence[Key], check: Check) -> Check:
        run.phase("repair", total=len(keys))
        left = [key_of_text(deed["key"], judge.model) for deed in _cursor_of(check).planned]
        if left:
            check = self._rewrite(run, judge, check, *self._derived(judge, left), taken_up=True)
        for start in range(0, len(keys), PART):
            derivation, snapshot = self._derived(judge, keys[start : start + PART])
            _, planned = plan(judge, derivation, snapshot)
            if planned:
                cursor = _Cursor(_cursor_of(check).repaired, planned)
                check = self._checks.save(replace(check, cursor=cursor.encoded()))
                check = self._rewrite(run, judge, check, derivation, snapshot)
            run.progress(min(start + PART, len(keys)))
        return check

    def _derived(self, judge: Judge, keys: Sequence[Key]) -> tuple[Derivation, Snapshot]:
        snapshot = judge.snapshots.of_keys(judge.model, keys)
        derivation = judge.deriver.derivation(keys, self._store.skips(judge.model.name))
        derivation.advance(snapshot.live.position)
        return derivation, snapshot

    def _rewrite(
        self,
        run: Progress,
        judge: Judge,
        check: Check,
        derivation: Derivation,
        snapshot: Snapshot,
        *,
        taken_up: bool = False,
    ) -> Check:
        """What was planned; when it is `taken_up`, rows that are right by now were written by who planned it."""
        name, cursor, done = judge.model.name, _cursor_of(check), list[Deed]()

        def decide(held: Snapshot) -> Rewrite:
            derivation.advance(held.live.position)
            wanted, deeds = plan(judge, derivation, held)
            left_alone = {deed["key"] for deed in deeds} | set(map(key_text, derivation.failed)) | set(held.parked)
            done.extend(deed for deed in cursor.planned if taken_up and deed["key"] not in left_alone)
            done.extend(deeds)
            return wanted

        self._repairs.rewrite(judge.model, snapshot.live.number, list(derivation.rows), decide)
        keys = [deed["key"] for deed in done]
        told = {"operation": run.operation.id, "rows": done}
        actor, reason = run.operation.actor, run.parameters.get("reason")
        return self._checks.save(
            replace(check, cursor=_Cursor(cursor.repaired + len(done)).encoded()),
            repaired=keys,
            also=(lambda connection: self._note(connection, actor, name, reason, told)) if done else None,
        )

    def _look_again(self, run: Progress, judge: Judge, keys: Sequence[Key], check: Check) -> Check:
        run.phase("compare again", total=len(keys))
        found: list[Found] = []
        for start in range(0, max(1, len(keys)), TWICE_KEYS):
            judged, _ = judge.keys(keys[start : start + TWICE_KEYS])
            found += judged.found
            kinds = [each.kind for each in judged.found]
            counts = {kind: getattr(check, kind) + kinds.count(kind) for kind in ("missing", "extra", "changed")}
            check = replace(
                check,
                **counts,
                generation=judged.live.number,
                origin=judged.live.origin,
                position=min(judged.live.position, check.position or judged.live.position),
                checked=check.checked + judged.checked,
                known=check.known + judged.known,
                underived=check.underived + len(judged.underived),
            )
            run.progress(check.checked)
        if check.differing:
            return self._checks.finish(check, Verdict.DRIFT, found=found)
        verdict = Verdict.INCONCLUSIVE if check.underived else Verdict.NONE
        return self._checks.finish(check, verdict, "Some rows cannot be derived." if check.underived else None)


def _cursor_of(check: Check) -> _Cursor:
    return msgspec.json.decode(check.cursor, type=_Cursor) if check.cursor else _Cursor()
