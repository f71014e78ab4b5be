"""A page of all rows by key, as nearly every page of rows is, in one statement and so of one moment.

It is asked of the table that was live the last time. Where another one is by now, it finds nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cqrs.readmodels.generation import GenerationState
from cqrs.readmodels.generations import table_name
from cqrs.readmodels.row_order import Value
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.tables import generations as g
from cqrs.readmodels.window_pages import COUNT_CAP
from cqrs.store.database import Database
from cqrs.store.database_time import database_now
from cqrs.store.question import Question
from cqrs.store.reports import Count

#: What is asked for beside the columns of the rows.
BESIDE = 3


@dataclass(frozen=True, slots=True)
class KeyPage:
    """`rows` as they are stored, in the order of `names`. `position` is that of the checkpoint, `now` the time."""

    names: Sequence[str]
    rows: Sequence[Sequence[Any]]
    position: int
    now: Any
    count: Count


def key_page(
    database: Database, model: RowModel, live: Any, names: Sequence[str], behind: Sequence[Value], limit: int
) -> KeyPage | None:
    """The first rows, or those behind a key. None where there are none in the generation that was live, or it is
    live no more."""
    keys = tuple(str(column.name) for column in model.key_columns)
    question = _question(table_name(model, live.generation), tuple(names), keys, bool(behind), limit)
    values = {f"key_{n}": value for n, value in enumerate(behind)}
    this = {"projection": model.projection, "generation": live.generation, "shape": live.shape}
    try:
        found = database.ask(question, **this, **values)
    except database.engine.dialect.loaded_dbapi.Error:
        return None  # its table was dropped, or has other columns
    if not found:
        return None
    *_, position, now, counted = found[0]
    return KeyPage(names, [row[:-BESIDE] for row in found], position, now, Count.up_to(COUNT_CAP, counted))


@functools.lru_cache(200)
def _question(table: str, names: tuple[str, ...], keys: tuple[str, ...], behind: bool, limit: int) -> Question:
    return Question(statement(table, names, keys, behind, limit))


def statement(table: str, names: Sequence[str], keys: Sequence[str], behind: bool, limit: int) -> sa.Select[Any]:
    source = sa.table(table)
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names]
    page = sa.select(*columns).select_from(source).order_by(*(sa.column(name) for name in keys)).limit(limit)
    if behind:
        marks = [sa.bindparam(f"key_{n}", type_=sa.types.NullType()) for n in range(len(keys))]
        key: Any = sa.column(keys[0]) if len(keys) == 1 else sa.tuple_(*map(sa.column, keys))
        page = page.where(key > (marks[0] if len(keys) == 1 else sa.tuple_(*marks)))
    some = sa.select(sa.literal(1)).select_from(source).limit(COUNT_CAP + 1).subquery("some")
    counted = sa.select(sa.func.count()).select_from(some).scalar_subquery()
    live = (
        sa.select(g.c.position)
        .where(g.c.projection == sa.bindparam("projection"), g.c.generation == sa.bindparam("generation"))
        .where(g.c.state == GenerationState.LIVE, g.c.shape == sa.bindparam("shape"))
        .subquery("live")
    )
    rows = page.subquery("page")
    beside = (live.c.position.label("_position"), database_now().label("_now"), counted.label("_count"))
    ordered = [rows.c[name] for name in keys]
    return sa.select(*rows.c, *beside).select_from(rows.join(live, sa.true())).order_by(*ordered)
