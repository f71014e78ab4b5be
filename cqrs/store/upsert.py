"""Insert, or leave or update the row that is there: one statement, so that two processes cannot both insert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(dialect: str, table: sa.Table, row: Mapping[str, Any]) -> sa.Executable:
    """Insert unless some unique value is taken: its rowcount is 1 or 0. Whoever holds it uncommitted is waited for."""
    return _insert(dialect, table).values(dict(row)).on_conflict_do_nothing()


def upsert(
    dialect: str,
    table: sa.Table,
    rows: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    change: Mapping[str, Any] | None = None,
    *,
    where: sa.ColumnElement[bool] | None = None,
) -> sa.Executable:
    """Rows meet by primary key. `change` says what becomes of a row that is there, only `where` it holds; without it
    the new values take the place of the old ones. All rows go in one statement: keep them few.
    """
    insert = _insert(dialect, table)
    keys = list(table.primary_key.columns)
    given = list(rows if isinstance(rows, Sequence) else [rows])
    if change is None:
        change = {name: insert.excluded[name] for name in given[0] if name not in {key.name for key in keys}}
    return insert.values(given).on_conflict_do_update(index_elements=keys, set_=dict(change), where=where)


def _insert(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
