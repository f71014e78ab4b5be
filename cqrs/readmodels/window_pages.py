"""A window of rows on a connection: a page of it, where the next one begins, and how many rows it has."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from cqrs.readmodels.row_order import RowOrder
from cqrs.readmodels.row_window import WINDOW, Window
from cqrs.store.database import driver_of
from cqrs.store.question import Question
from cqrs.store.reports import Count

#: For a page of rows they are counted no further than this: it must not take longer than reading them.
COUNT_CAP = 10_000
#: The same where nothing but counts is asked for.
LISTED_CAP = 100_000


@dataclass(frozen=True, slots=True)
class Searched:
    """Not all rows were looked at: how many were, and by which column; None: among those an index found."""

    rows: int
    by: str | None


def rows_counted(connection: sa.Connection, table: str, cap: int) -> Count:
    (counted,) = _counting(table, cap + 1).rows(driver_of(connection), connection.dialect, {})
    return Count.up_to(cap, counted.rows)


@functools.lru_cache(100)
def _counting(table: str, most: int) -> Question:
    some = sa.select(sa.literal(1)).select_from(sa.table(table)).limit(most).subquery()
    return Question(sa.select(sa.func.count().label("rows")).select_from(some), keep_plan=False)


def page_of(
    connection: sa.Connection, window: Window, order: RowOrder, behind: sa.ColumnElement[bool] | None, limit: int
) -> Sequence[sa.Row[Any]]:
    if window.walks and not window.outside:  # the first rows there are make the page
        return connection.execute(window.select(limit, behind)).all()
    looked_at = window.rows(WINDOW, behind if window.walks else None)
    rows = sa.select(*window.columns).select_from(looked_at).where(*window.conditions)
    if behind is not None and not window.walks:
        rows = rows.where(behind)
    return connection.execute(rows.order_by(*order.clauses()).limit(limit)).all()


def cursor_behind(
    connection: sa.Connection, window: Window, order: RowOrder, behind: sa.ColumnElement[bool] | None
) -> str | None:
    """The cursor behind the last row looked at; None when that is the last there is."""
    looked_at = window.rows(WINDOW, behind, order.keys)
    if connection.execute(sa.select(sa.func.count()).select_from(looked_at)).scalar_one() < WINDOW:
        return None
    backwards = replace(order, descending=not order.descending).clauses()
    last = sa.select(looked_at).order_by(*backwards).limit(1)
    return order.cursor(connection.execute(last).mappings().one())


def matches_counted(connection: sa.Connection, window: Window) -> tuple[Count, Searched | None]:
    """Of all pages together, as far as the window goes from its start."""
    if window.walks and not window.inside and not window.outside:
        return rows_counted(connection, window.table.name, COUNT_CAP), None
    cap = WINDOW if window.outside or not window.walks else COUNT_CAP
    found = window.rows(cap + 1, columns=window.compared)
    matching = sa.func.count().filter(*window.conditions) if window.outside else sa.func.count()
    looked_at, matched = connection.execute(sa.select(sa.func.count(), matching).select_from(found)).one()
    whole = looked_at <= cap
    count = Count(value=min(matched, cap), capped=not whole)
    if whole or (window.walks and not window.outside):
        return count, None
    return count, Searched(cap, window.by[0] if window.by else None)
