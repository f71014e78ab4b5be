"""Which tables can be a read model: those whose every value reads back as it was written. One sentence per fault."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cqrs.errors import InexactValue
from cqrs.readmodels.rows import settled_default
from cqrs.readmodels.types import Money, UtcDateTime

#: PostgreSQL cuts names at 63 bytes without a word; a generation adds up to eight (`__g12345`).
LONGEST_NAME = 55

#: Columns we add to the physical table; the view leaves them out.
HIDDEN = ("_pos",)

EXACT = (
    sa.String,
    sa.Integer,
    sa.Float,
    sa.Boolean,
    sa.Date,
    sa.Uuid,
    sa.Enum,
    sa.JSON,
    sa.LargeBinary,
    Money,
    UtcDateTime,
)


def table_faults(table: sa.Table) -> Iterator[str]:
    yield from name_faults(table)
    if not table.primary_key.columns:
        yield f"The table {table.name} has no primary key: the key of a projection is its table's primary key."
    if table.foreign_keys:
        yield f"The table {table.name} has foreign keys: rows of a read model are written independently of each other."
    for column in table.columns:
        yield from column_faults(column)


def name_faults(table: sa.Table) -> Iterator[str]:
    if len(table.name.encode()) > LONGEST_NAME:
        yield f"The table name {table.name} is longer than {LONGEST_NAME} characters."
    if re.search(r"__g\d+$", table.name):
        yield f"The table name {table.name} looks like a generation's: names ending in __g and a number are ours."
    if table.schema is not None:
        yield f"The table {table.name} names a schema: read models lie in the default one."


def column_faults(column: sa.Column[Any]) -> Iterator[str]:
    where = f"{column.table.name}.{column.name}"
    if column.name in HIDDEN or column.key.startswith("_"):
        yield f"The column {where} starts with an underscore: such names are reserved."
    elif not column.key.isidentifier() or keyword.iskeyword(column.key):
        yield f"The column {where} is no Python name: give it one with key=."
    if column.key == "key" and not (column.primary_key and len(column.table.primary_key.columns) == 1):
        yield f"The column {where} hides row.key: give it another key=."
    yield from type_faults(column, where)
    yield from default_faults(column, where)


def type_faults(column: sa.Column[Any], where: str) -> Iterator[str]:
    kind = column.type
    if isinstance(kind, sa.Float) and column.primary_key:
        yield f"The key {where} is a Float, which does not compare reliably: use BigInteger, Text or Money."
    elif isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        yield f"The column {where} is Numeric, which SQLite stores as a float: use cqrs.readmodels.types.Money."
    elif isinstance(kind, sa.DateTime):
        yield f"The column {where} is DateTime, which loses its zone: use cqrs.readmodels.types.UtcDateTime."
    elif isinstance(kind, sa.Enum) and kind.enum_class is not None:
        yield f"The column {where} is an Enum of a class, which stores names and reads back members: use Text."
    elif isinstance(kind, sa.Enum) and kind.native_enum:
        yield (
            f"The column {where} is a native Enum, a type of its own that two generations cannot both create on "
            "PostgreSQL: give it native_enum=False."
        )
    elif isinstance(kind, sa.Uuid) and not kind.as_uuid:
        yield f"The column {where} is a Uuid of texts: leave as_uuid out, or use Text."
    elif not isinstance(kind, EXACT):
        yield f"The column {where} has the type {kind!r}, which may not read back as written: use Text or JSON."


def default_faults(column: sa.Column[Any], where: str) -> Iterator[str]:
    if column.server_default is not None or column.server_onupdate is not None or column.onupdate is not None:
        yield f"The column {where} is filled by the database: a projection sets every value, use default= or a handler."
    elif column.default is not None and not column.default.is_scalar:
        yield f"The column {where} has a computed default, another one at each replay: use a constant or a handler."
    elif column.default is not None:
        yield from _value_faults(column, where)


def _value_faults(column: sa.Column[Any], where: str) -> Iterator[str]:
    try:
        settled_default(column)
    except InexactValue as error:
        yield f"The default of {where} cannot be stored: {error.facts['why']}."
