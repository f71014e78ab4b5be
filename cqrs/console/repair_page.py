"""What the preview of a repair shows: each row as it is and as it would be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import request
from werkzeug.datastructures import MultiDict

from cqrs.console import current, drift_words
from cqrs.console.column_values import Kinds, key_heading, kinds_of
from cqrs.console.finding_rows import STATES, ColumnPair
from cqrs.drift.check import Check
from cqrs.drift.repair_preview import PlannedRow, Preview
from cqrs.errors import InvalidMessage


@dataclass(frozen=True, slots=True)
class PlannedLine:
    key: str
    kind: str
    state: str
    columns: Sequence[ColumnPair]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPage:
    check: Check
    preview: Preview
    rows: Sequence[PlannedLine]
    #: How many keys the repair is asked for, and the numbers of their findings; none: all of the check.
    asked: int
    numbers: Sequence[int]
    words: str
    left_alone: str
    key_heading: str


def repair_page(check: Check) -> RepairPage:
    """Raises InvalidMessage, RepairRefused, NotKeyed."""
    numbers, checks = ticked(request.args), current.runtime().checks
    keys = checks.keys_of(check.id, numbers or None)
    if not keys:
        raise InvalidMessage({"n": ["None of these rows is left to be repaired."]})
    found = current.runtime().preview_repair(check.projection, check=check.id, only=numbers or None)
    kinds = kinds_of(check.projection)
    return RepairPage(
        check=check,
        preview=found,
        rows=[_line(row, kinds) for row in found.rows],
        asked=len(keys),
        numbers=numbers,
        words=drift_words.of_rows(len(keys)),
        left_alone=_left_alone(found),
        key_heading=key_heading(kinds),
    )


def ticked(form: MultiDict[str, str]) -> list[int]:
    """The numbers of the findings whose boxes are ticked; what is no number is none of ours."""
    return [int(each) for each in form.getlist("n") if each.isascii() and each.isdigit() and len(each) < 10]


def _line(row: PlannedRow, kinds: Kinds) -> PlannedLine:
    kind = "missing" if row.before is None else "extra" if row.after is None else "changed"
    names = dict.fromkeys([*(row.before or {}), *(row.after or {})])
    shown = [name for name in names if kind == "changed" or name not in kinds.keys]
    pairs = [
        ColumnPair(
            name,
            None if row.before is None else kinds.shown(name, row.before.get(name)),
            None if row.after is None else kinds.shown(name, row.after.get(name)),
        )
        for name in shown
    ]
    return PlannedLine(row.key, kind, STATES[kind], pairs)


def _left_alone(found: Preview) -> str:
    """What is asked for and would not be written, in sentences; empty when there is none."""
    told = []
    if found.right:
        told.append(f"{drift_words.of_rows(found.right)} {'is' if found.right == 1 else 'are'} right already.")
    if found.parked:
        told.append(f"{drift_words.of_rows(found.parked)} of parked keys: release those, a repair leaves them alone.")
    if found.underived:
        told.append(f"{drift_words.of_rows(found.underived)} cannot be derived, because a handler fails.")
    if found.no_keys:
        told.append(f"{drift_words.of_rows(found.no_keys)} with keys that cannot be read: only a replay removes those.")
    return " ".join(told)
