"""Reading rows for people and programs that know nothing of a read model but its name."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cqrs.errors import NotFound, ReadModelMissing, ShapeMismatch
from cqrs.readmodels.generation import GenerationState
from cqrs.readmodels.generations import table_name
from cqrs.readmodels.key_page import key_page
from cqrs.readmodels.keys import key_of_text, key_text
from cqrs.readmodels.row_filters import conditions, operations_of
from cqrs.readmodels.row_order import has_order, order_of
from cqrs.readmodels.row_values import RowReader
from cqrs.readmodels.row_window import indexed_columns, window_of
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.shape import column_shape, difference, own_columns, shape_of, type_text
from cqrs.readmodels.tables import generations as g
from cqrs.readmodels.window_pages import LISTED_CAP, Searched, cursor_behind, matches_counted, page_of, rows_counted
from cqrs.store.database import Database
from cqrs.store.database_time import database_now
from cqrs.store.question import Question
from cqrs.store.reports import Count

LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type_text: str
    primary_key: bool
    nullable: bool
    numeric: bool
    #: How rows can be found by it: names of `row_filters.OPERATIONS`.
    operations: tuple[str, ...]
    #: Whether an index finds rows by it, however many there are.
    indexed: bool
    #: Whether rows are sorted by it.
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class ReadModel:
    name: str
    title: str
    projection: str
    #: The live one; None before the first start.
    generation: int | None
    columns: tuple[Column, ...]
    #: Whether each row is made by events of its own, so that it has a position and can be explained.
    keyed: bool


@dataclass(frozen=True, slots=True)
class Row:
    """`position` is that of the last event applied to it; None for a row that somebody else wrote."""

    key: str
    values: dict[str, object]
    position: int | None


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page that is not full may have a `next`: more rows are to be looked at."""

    model: ReadModel
    rows: Sequence[Row]
    next: str | None
    count: Count
    #: None when the answer is about all rows.
    searched: Searched | None
    #: The rows are those after this event, at this time by the database's clock.
    position: int
    as_of: datetime


class ReadModels:
    """Each call sees one moment: the checkpoint it reports is that of the rows."""

    def __init__(self, database: Database, models: Iterable[RowModel]) -> None:
        self._database = database
        self._models = {model.name: model for model in models}
        self._columns = {name: tuple(map(_column, model.table.columns)) for name, model in self._models.items()}
        self._readers: dict[tuple[str, str], RowReader] = {}
        #: What was live of each projection when it was last looked at; see `key_page`.
        self._seen: dict[str, Any] = {}

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one moment and cannot write: for queries of a domain's own."""
        with self._database.read() as connection:
            yield connection

    def list(self) -> list[ReadModel]:
        live = {each.projection: each.generation for each in self._database.ask(_live())}
        return [self._described(model, live.get(model.projection)) for model in self._models.values()]

    def counts(self) -> dict[str, Count]:
        """Rows that readers see, by read model, counted up to a limit; none where no generation is live."""
        with self._database.read() as connection:
            live = {each.projection: each.generation for each in self._database.ask_within(connection, _live())}
            names = {name: model for name, model in self._models.items() if model.projection in live}
            return {
                name: rows_counted(connection, table_name(model, live[model.projection]), LISTED_CAP)
                for name, model in names.items()
            }

    def page(
        self,
        name: str,
        *,
        filters: Mapping[str, str] | None = None,
        sort: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> RowPage:
        """Rows where every filter holds, see `row_filters`; sorted by key, or by any column (`-column`: descending).

        Raises NotFound, ReadModelMissing; InvalidMessage for unknown columns and for values and cursors that cannot be.
        """
        model = self._model(name)
        limit = max(1, min(limit, LARGEST_PAGE))
        by_key = None if filters or sort else self._by_key(model, cursor, limit)
        if by_key is not None:
            return by_key
        with self._database.read(by_index=True) as connection:
            live = self._live_of(connection, model)
            reader = self._reader(model, live)
            wanted = conditions(reader.columns, filters or {})
            order = order_of(sort, reader.columns, [column.name for column in model.key_columns])
            window = window_of(model.table, table_name(model, live.generation), reader.selected, wanted, order)
            behind = None if cursor is None else order.behind(cursor)
            found = page_of(connection, window, order, behind, limit + 1)
            following = order.cursor(found[limit - 1]._mapping) if len(found) > limit else None
            if following is None and window.walks and window.outside:
                following = cursor_behind(connection, window, order, behind)
            count, searched = matches_counted(connection, window)
        page, described = _rows(reader, found[:limit]), self._described(model, live.generation)
        return RowPage(described, page, following, count, searched, live.position, live.now)

    def _by_key(self, model: RowModel, cursor: str | None, limit: int) -> RowPage | None:
        """The page of all rows in a single statement; None where that found nothing."""
        live = self._seen.get(model.projection)
        if live is None:
            return None
        reader = self._reader(model, live)
        order = order_of(None, reader.columns, [column.name for column in model.key_columns])
        behind = () if cursor is None else order.key_in(cursor)
        names = [column.name for column in reader.selected]
        found = key_page(self._database, model, live, names, behind, limit + 1)
        if found is None:
            return None
        last = dict(zip(names, found.rows[limit - 1], strict=True)) if len(found.rows) > limit else None
        following = None if last is None else order.cursor(last)
        page, described = _rows(reader, found.rows[:limit]), self._described(model, live.generation)
        return RowPage(described, page, following, found.count, None, found.position, found.now)

    def row(self, name: str, key: str) -> Row | None:
        """By the text of its key; None when there is none, or no row can have such a key."""
        model = self._model(name)
        wanted = key_of_text(key, model)
        if wanted is None:
            return None
        values = wanted if model.composite else (wanted,)
        with self._database.read() as connection:
            live = self._live_of(connection, model)
            reader = self._reader(model, live)
            rows = sa.select(*reader.selected).select_from(sa.table(table_name(model, live.generation)))
            for column, value in zip(model.key_columns, values, strict=True):
                rows = rows.where(sa.column(column.name, column.type) == value)
            found = connection.execute(rows).one_or_none()
        return None if found is None else _rows(reader, [found])[0]

    def _live_of(self, connection: sa.Connection, model: RowModel) -> Any:
        """What of it readers see, and the time. Raises ReadModelMissing."""
        for each in self._database.ask_within(connection, _live()):
            if each.projection == model.projection:
                self._seen[model.projection] = each
                return each
        raise ReadModelMissing(name=model.name)

    def _described(self, model: RowModel, generation: int | None) -> ReadModel:
        columns = self._columns[model.name]
        return ReadModel(model.name, model.title, model.projection, generation, columns, model.keyed)

    def _reader(self, model: RowModel, live: Any) -> RowReader:
        """Kept by shape: it takes longer to make than a page of rows to read. Raises ShapeMismatch."""
        known = (model.name, live.shape)
        if known not in self._readers:
            self._readers[known] = RowReader(model, _readable(model, live), self._database.engine.dialect)
        return self._readers[known]

    def _model(self, name: str) -> RowModel:
        if name not in self._models:
            raise NotFound(what="read model", name=name)
        return self._models[name]


def _column(column: sa.Column[Any]) -> Column:
    numeric = isinstance(column.type, (sa.Integer, sa.Float)) or type_text(column.type).startswith("money")
    return Column(
        str(column.name),
        type_text(column.type),
        column.primary_key,
        bool(column.nullable),
        numeric,
        operations_of(column),
        column.name in indexed_columns(column.table),
        has_order(column),
    )


@functools.cache
def _live() -> Question:
    """The generation that readers see of each projection."""
    columns = (g.c.projection, g.c.generation, g.c.position, g.c.shape, database_now().label("now"))
    return Question(sa.select(*columns).where(g.c.state == GenerationState.LIVE))


def _readable(model: RowModel, live: Any) -> list[sa.Column[Any]]:
    """The columns that the live generation and the code have in common. Raises ShapeMismatch when the key is not."""
    stored = own_columns(live.shape, model)
    common = [column for column in model.table.columns if stored.get(column.name) == column_shape(column)]
    if not set(model.key_columns) <= set(common):
        differs = difference(live.shape, shape_of(model))
        raise ShapeMismatch(projection=model.name, generation=live.generation, difference=differs)
    return common


def _rows(reader: RowReader, stored: Sequence[Sequence[Any]]) -> list[Row]:
    return [Row(_key(reader, values), values, position) for values, position in reader.values(stored)]


def _key(reader: RowReader, values: Mapping[str, Any]) -> str:
    if len(reader.keys) == 1:
        return key_text(values[reader.keys[0]])
    return key_text(tuple(values[name] for name in reader.keys))
