"""The columns of a read model as text, to tell whether a generation was made by the code that looks at it."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.types import Money, UtcDateTime


class ColumnShape(NamedTuple):
    name: str
    type: str
    nullable: bool
    primary_key: bool


@functools.lru_cache(1_000)
def shape_of(model: RowModel) -> str:
    """JSON; equal for equal columns in any order. Indexes and constraints do not count: they hold no data."""
    shapes = [column_shape(column) for column in model.columns]
    for each in model.companions:
        shapes += [column_shape(column, prefix_of(each)) for column in each.columns]
    return msgspec.json.encode(sorted(shapes)).decode()


def prefix_of(model: RowModel) -> str:
    """What stands before the columns of a companion in the shape that it shares."""
    return "" if model.name == model.projection else f"{model.name}."


def column_shape(column: sa.Column[Any], prefix: str = "") -> ColumnShape:
    return ColumnShape(prefix + str(column.name), type_text(column.type), bool(column.nullable), column.primary_key)


def columns_of(shape: str) -> dict[str, ColumnShape]:
    return {column.name: column for column in msgspec.json.decode(shape, type=list[ColumnShape])}


def own_columns(shape: str, model: RowModel) -> dict[str, ColumnShape]:
    """Those of one table, by their names in it."""
    prefix, found = prefix_of(model), columns_of(shape).items()
    mine = ((name.removeprefix(prefix), column) for name, column in found if name.startswith(prefix))
    return {name: column._replace(name=name) for name, column in mine if "." not in name}


def difference(stored: str, code: str) -> str | None:
    """How a generation differs from the code, as the end of a sentence; None when it does not."""
    if stored == code:
        return None
    old, new = columns_of(stored), columns_of(code)
    parts = [f"it has no column {name}" for name in new if name not in old]
    parts += [f"its column {name} is gone from the code" for name in old if name not in new]
    parts += [f"its column {name} was declared otherwise" for name in new if name in old and old[name] != new[name]]
    return ", ".join(parts) or None


def same_keys(one: str, other: str) -> bool:
    """Whether two shapes have the same key columns."""
    keys = [{column for column in columns_of(shape).values() if column.primary_key} for shape in (one, other)]
    return keys[0] == keys[1]


def type_text(kind: sa.types.TypeEngine[Any]) -> str:
    """What people call the type."""
    match kind:
        case Money():
            return f"money({kind.precision},{kind.scale})"
        case UtcDateTime():
            return "time"
        case sa.Enum():
            return f"one of {', '.join(map(str, kind.enums))}"
        case sa.String():
            return f"text({kind.length})" if kind.length else "text"
        case sa.SmallInteger() | sa.BigInteger() | sa.Integer():
            return {sa.SmallInteger: "small integer", sa.Integer: "integer"}.get(type(kind), "big integer")
        case _:
            return type(kind).__visit_name__.lower().replace("_", " ")
