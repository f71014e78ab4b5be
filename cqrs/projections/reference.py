"""What the tables of the write side say of a projection's rows, for checks that ask more than the log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from cqrs.readmodels.rows import RowModel


@dataclass(frozen=True, slots=True)
class WriteModelReference:
    """A row of `select` for each row that the read model should have: its key columns by their names, and the
    `columns` in which both must agree. It reads write models only."""

    select: sa.Select[Any]
    columns: tuple[str, ...]

    @property
    def tables(self) -> tuple[sa.Table, ...]:
        found = (each for each in visitors.iterate(self.select) if isinstance(each, sa.Table))
        return tuple(dict.fromkeys(found))


def reference_faults(reference: object, model: RowModel) -> Iterator[str]:
    """What is wrong with it, as ends of sentences."""
    if not isinstance(reference, WriteModelReference) or not isinstance(reference.select, sa.Select):
        yield "must be a WriteModelReference with a select and columns."
        return
    if isinstance(reference.columns, str) or not reference.columns:
        yield "names no columns that must agree: give a tuple of names."
        return
    selected = {column.name: column for column in reference.select.subquery().columns}
    keys, ours = [column.name for column in model.key_columns], {column.name: column for column in model.columns}
    for name in keys:
        if name not in selected:
            yield f"selects no {name}, which is the key: give a column that label."
    for name in reference.columns:
        if name not in ours or name in keys:
            yield f"names {name}, which is not a column of the read model outside its key."
        elif name not in selected:
            yield f"names {name}, which it does not select."
    for name in selected.keys() & {*keys, *reference.columns} & ours.keys():
        one, other = _python_type(selected[name]), _python_type(ours[name])
        if one is not other:
            yield f"selects {name} as {one.__name__}, but the read model has it as {other.__name__}."


def _python_type(column: sa.ColumnElement[Any]) -> type:
    try:
        return column.type.python_type
    except NotImplementedError:
        return object
