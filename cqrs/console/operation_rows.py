"""Operations as rows of a list, and what they found with sensitive columns masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cqrs.console import drift_words, operation_words
from cqrs.console.filters import compact_json
from cqrs.console.masking import is_sensitive, masked
from cqrs.messages import MASK
from cqrs.workers.operation import Operation, OperationState

EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class OperationRow:
    """`line` is how far it is, or how it ended; `phase` what is done now, `percent` how much of that."""

    operation: Operation
    title: str
    glyph: str
    word: str
    line: str
    took: float | None
    phase: str
    percent: int | None


@dataclass(frozen=True, slots=True)
class ColumnChange:
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DifferingRow:
    key: str
    kind: str
    columns: Sequence[ColumnChange]


def operation_rows(operations: Sequence[Operation]) -> list[OperationRow]:
    return [
        OperationRow(
            operation=each,
            title=operation_words.title(each),
            glyph=operation_words.GLYPHS[each.state],
            word=each.state.value,
            line=_line(each),
            took=operation_words.took(each),
            phase=operation_words.phase_word(each),
            percent=operation_words.percent(each),
        )
        for each in operations
    ]


def _line(operation: Operation) -> str:
    result = operation.result or EMPTY
    match operation.state:
        case OperationState.RUNNING:
            return operation_words.progress_words(operation)
        case OperationState.WAITING:
            return str(result.get("why") or "")
        case OperationState.CANCELLED:
            return str(result.get("outcome") or "")
        case OperationState.FAILED:
            return operation.errors[-1] if operation.errors else ""
        case OperationState.SUCCEEDED if "generation" in result:
            return f"generation {result['generation']} is what readers were given"
        case OperationState.SUCCEEDED if "repaired" in result:
            return f"{drift_words.of_rows(result['repaired'])} written anew"
        case OperationState.SUCCEEDED if "verdict" in result:
            return operation_words.checked(result)
    return ""


def masked_result(result: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A copy whose differing rows show no value of a sensitive column, before or after."""
    if result is None:
        return None
    found = masked({name: value for name, value in result.items() if name != "differences"})
    shown = dict(found) if isinstance(found, Mapping) else {}
    if "differences" in result:
        shown["differences"] = [_masked_row(row) for row in result["differences"]]
    return shown


def _masked_row(row: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: _masked_change(name, change) for name, change in row.get("columns", EMPTY).items()}
    return {**row, "columns": columns}


def _masked_change(name: str, change: Mapping[str, Any]) -> dict[str, object]:
    if is_sensitive(name):
        return {side: None if value is None else MASK for side, value in change.items()}
    return {side: masked(value) for side, value in change.items()}


def differing_rows(result: Mapping[str, Any] | None) -> list[DifferingRow]:
    """Of what an operation found, masked."""
    shown = masked_result(result) or {}
    return [
        DifferingRow(row["key"], row["kind"], [_change(name, each) for name, each in row["columns"].items()])
        for row in shown.get("differences", ())
    ]


def _change(name: str, change: Mapping[str, Any]) -> ColumnChange:
    return ColumnChange(name, _text(change.get("before")), _text(change.get("after")))


def _text(value: object) -> str:
    if value is None:
        return "NULL"
    return value if isinstance(value, str) else compact_json(value)
