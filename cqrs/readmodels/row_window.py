"""Which rows are looked at for a page: never more than a bounded number, and found by an index.

A filter or an order that no index answers is applied to those rows only; a page then says so. Rows by key go on behind
the last one looked at, so that a search by key comes to every row in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cqrs.readmodels.row_filters import Wanted
from cqrs.readmodels.row_order import RowOrder

WINDOW = 50_000


@dataclass(frozen=True, slots=True)
class Window:
    """`inside` are the conditions that an index answers, `outside` those on the rows looked at. `by` is the column in
    whose order they are looked at, None where they come as the index gives them."""

    table: sa.TableClause
    columns: Sequence[sa.ColumnClause[Any]]
    inside: Sequence[Wanted]
    outside: Sequence[Wanted]
    by: Sequence[str]
    descending: bool
    #: The order of the window is that of the page, so the next page begins where this one ended.
    walks: bool

    def rows(
        self, limit: int, behind: sa.ColumnElement[bool] | None = None, columns: Sequence[str] | None = None
    ) -> sa.Subquery:
        return self.select(limit, behind, columns).subquery("looked_at")

    def select(
        self, limit: int, behind: sa.ColumnElement[bool] | None = None, columns: Sequence[str] | None = None
    ) -> sa.Select[Any]:
        """Of all columns unless some are named: an index that holds those needs no look at the rows."""
        some: list[sa.ColumnElement[Any]] = [sa.column(name) for name in columns or ()]
        chosen = self.columns if columns is None else some or [sa.literal(1)]
        found = sa.select(*chosen).select_from(self.table).where(*(each.condition for each in self.inside))
        if behind is not None:
            found = found.where(behind)
        # No word on missing values: by default the index serves, and the columns of an order have none.
        order: list[sa.ColumnElement[Any]] = [
            sa.column(name).desc() if self.descending else sa.column(name).asc() for name in self.by
        ]
        ordered = found.order_by(*order) if columns is None or columns else found
        return ordered.limit(limit)

    @property
    def compared(self) -> list[str]:
        """The columns that the rows looked at are asked about."""
        return sorted({each.column for each in self.outside})

    @property
    def conditions(self) -> list[sa.ColumnElement[bool]]:
        return [each.condition for each in self.outside]


def window_of(
    table: sa.Table, named: str, columns: Sequence[sa.ColumnClause[Any]], wanted: Sequence[Wanted], order: RowOrder
) -> Window:
    """`named` is the table to read, of the shape of `table`."""
    indexed = indexed_columns(table)
    driver = _driver(wanted, indexed)
    inside = [each for each in wanted if each.column == driver and each.rank is not None]
    outside = [each for each in wanted if each not in inside]
    source = sa.table(named)
    if driver is not None and driver != order.keys[0]:
        return Window(source, columns, inside, outside, (), False, False)
    if order.column is None:
        return Window(source, columns, inside, outside, order.keys, order.descending, True)
    if driver is None and order.column in indexed and not table.c[order.column].nullable:
        return Window(source, columns, inside, outside, (order.column,), order.descending, False)
    return Window(source, columns, inside, outside, order.keys, False, False)


def indexed_columns(table: sa.Table) -> frozenset[str]:
    """Those by whose value an index finds rows: the first of the key, and of each index over all rows."""
    whole = [index for index in table.indexes if not any("where" in option for option in _options(index))]
    firsts = [next(iter(index.expressions)) for index in whole]
    named = [str(first.name) for first in firsts if isinstance(first, sa.Column)]
    return frozenset([*named, str(next(iter(table.primary_key.columns)).name)])


def _options(index: sa.Index) -> list[str]:
    return [name for name, value in index.dialect_kwargs.items() if value is not None]


def _driver(wanted: Sequence[Wanted], indexed: frozenset[str]) -> str | None:
    """The column whose condition leaves the fewest rows, as far as that can be told from its kind."""
    fit = [each for each in wanted if each.rank is not None and each.column in indexed]
    return min(fit, key=lambda each: each.rank or 0).column if fit else None
