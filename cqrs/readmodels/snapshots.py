"""Rows as they are stored, with the checkpoint they belong to: both of one moment, so that they can be judged."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from cqrs.errors import InexactValue, ReadModelMissing
from cqrs.readmodels.checkpoint import generation_of
from cqrs.readmodels.codec import Packed, RowCodec
from cqrs.readmodels.generation import Generation, GenerationState
from cqrs.readmodels.keys import key_text, key_texts
from cqrs.readmodels.postgres_statements import PostgresRowStatements
from cqrs.readmodels.raw_rows import RandomRows, fetch
from cqrs.readmodels.rows import Key, RowModel
from cqrs.readmodels.statements import RowStatements, many_rows
from cqrs.readmodels.tables import generations as g
from cqrs.readmodels.tables import parked_keys
from cqrs.store.database import KEEP_PLAN, Database

_LIVE = (
    sa.select(g)
    .where(g.c.projection == sa.bindparam("p"), g.c.state == GenerationState.LIVE)
    .execution_options(**KEEP_PLAN)
)

#: Rows counted in one transaction.
COUNTED_AT_ONCE = 100_000


class StoredRow(NamedTuple):
    #: None where the stored values are no key of this table: somebody else wrote them.
    key: Key | None
    #: The text of the key; of none, "unreadable: " and what is stored as Python writes it, which alone could be a key.
    text: str
    #: Values as the driver gives them, in the order of the model's columns, `_pos` last.
    packed: Packed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Some rows of the live generation, its checkpoint and the texts of its parked keys."""

    live: Generation
    parked: Collection[str]
    rows: Sequence[StoredRow]
    #: Where the next chunk begins: behind this stored key. None when there are no more rows.
    end: tuple[Any, ...] | None = None


class RowSnapshots:
    """Each call is one short read transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def dialect(self) -> Dialect:
        return self._database.engine.dialect

    def origin(self, projection: str) -> str:
        """Of the database that its rows lie in; see GenerationId. Empty while it has none."""
        asked = sa.select(g.c.origin).where(g.c.projection == projection, g.c.state == GenerationState.LIVE)
        with self._database.glance() as connection:
            return connection.execute(asked).scalar() or ""

    def live(self, model: RowModel) -> Generation:
        """The live generation as it is now. Raises ReadModelMissing."""
        with self._database.glance() as connection:
            return live_of(connection, model.projection)

    def chunk(
        self,
        model: RowModel,
        after: tuple[Any, ...] | None,
        size: int,
        *,
        last: tuple[Any, ...] | None = None,
        number: int | None = None,
    ) -> Snapshot:
        """The next rows by stored key, up to the `last` one; of the generation of this number instead. Raises
        ReadModelMissing."""
        with self._database.read() as connection:
            live, parked, sql = self._begin(connection, model)
            sql = sql if number is None else row_statements(self._database, model, number)
            within, values = _within(connection, sql, after, last)
            select = f"SELECT {sql.all_columns} {within} ORDER BY {', '.join(sql.keys)} LIMIT {size:d}"
            found = fetch(connection, select, values)
        end = found[-1][: len(model.key_columns)] if len(found) == size else None
        return Snapshot(live, parked, self._rows(model, found), end)

    def random(self, model: RowModel, size: int) -> Snapshot:
        """Rows at random, each as likely as any other; `size` of them, unless there are hardly more than that.
        Raises ReadModelMissing."""
        with self._database.read() as connection:
            live, parked, sql = self._begin(connection, model)
            found = RandomRows(connection, sql).draw(size)
        return Snapshot(live, parked, self._rows(model, found))

    def of_keys(self, model: RowModel, keys: Sequence[Key]) -> Snapshot:
        """The rows there are of these keys. Raises ReadModelMissing."""
        with self._database.read() as connection:
            return self.on(connection, model, keys)

    def on(self, connection: sa.Connection, model: RowModel, keys: Sequence[Key]) -> Snapshot:
        """The same in the caller's transaction."""
        packed = RowCodec(model, self.dialect).pack_keys(keys) if keys else []
        live, parked, sql = self._begin(connection, model)
        found = [row for statement, values in sql.selects(packed) for row in fetch(connection, statement, values)]
        return Snapshot(live, parked, self._rows(model, found))

    def perhaps_absent(self, model: RowModel, texts: Sequence[str]) -> Sequence[str]:
        """Those of the keys that have no row; where a key is not stored as its text, all of them. By another, shorter
        way than `of_keys`, which has to have the last word. Raises ReadModelMissing."""
        (column, *others) = model.key_columns
        if others or not is_its_text(column.type) or not texts:
            return texts
        with self._database.read() as connection:
            live = live_of(connection, model.projection)
            sql = row_statements(self._database, model, live.number)
            absent = f"WHERE NOT EXISTS (SELECT 1 FROM {sql.table} WHERE {sql.keys[0]} = wanted)"
            # All texts travel as one value, on the way back too: a driver lets go of the interpreter at every row.
            if connection.dialect.name == "postgresql":
                given = "json_array_elements_text(%s::json) AS wanted"
                select = f"SELECT coalesce(json_agg(wanted), '[]')::text FROM {given} {absent}"
            else:
                select = f"SELECT json_group_array(wanted) FROM (SELECT value AS wanted FROM json_each(?)) {absent}"
            found = connection.exec_driver_sql(select, (msgspec.json.encode(texts).decode(),)).scalar_one()
            return msgspec.json.decode(found, type=list[str])

    def stored_key(self, model: RowModel, key: Key) -> tuple[Any, ...]:
        """The key as the driver takes it, for `chunk`."""
        return RowCodec(model, self._database.engine.dialect).pack_keys([key])[0]

    def last_key(self, model: RowModel, number: int) -> tuple[Any, ...] | None:
        """The highest stored key of a generation; None when it has no rows."""
        sql = row_statements(self._database, model, number)
        order = ", ".join(f"{key} DESC" for key in sql.keys)
        with self._database.read() as connection:
            found = fetch(connection, f"SELECT {', '.join(sql.keys)} FROM {sql.table} ORDER BY {order} LIMIT 1", ())
        return found[0] if found else None

    def count(self, model: RowModel, limit: int) -> int:
        """Rows of the live generation, counted no further than `limit`; some at a time, so that no snapshot is long.
        Raises ReadModelMissing."""
        counted, after = 0, None
        while counted < limit:
            size = min(COUNTED_AT_ONCE, limit - counted)
            with self._database.read() as connection:
                sql = row_statements(self._database, model, live_of(connection, model.projection).number)
                (within, values), keys = _within(connection, sql, after), ", ".join(sql.keys)
                last = fetch(connection, f"SELECT {keys} {within} ORDER BY {keys} LIMIT 1 OFFSET {size - 1:d}", values)
                if not last:
                    return counted + int(fetch(connection, f"SELECT count(*) {within}", values)[0][0])
            counted, after = counted + size, last[0]
        return counted

    def _begin(self, connection: sa.Connection, model: RowModel) -> tuple[Generation, Collection[str], RowStatements]:
        """The checkpoint is the first thing read: it begins the snapshot."""
        found = connection.execute(_live_and_parked(connection.dialect.name), {"p": model.projection})
        row = dict(_one(found, model.projection))
        parked = frozenset(msgspec.json.decode(row.pop("parked") or "[]", type=list[str]))
        live = generation_of(row)
        return live, parked, row_statements(self._database, model, live.number)

    def _rows(self, model: RowModel, found: Sequence[Packed]) -> list[StoredRow]:
        codec, size = RowCodec(model, self._database.engine.dialect), len(model.key_columns)
        stored = [row[:size] for row in found]
        try:
            keys = codec.unpack_keys(stored)
            model.check_keys(keys)
            texts = key_texts(keys)
        except (ValueError, TypeError, ArithmeticError, InexactValue):
            return [_row(codec, row[:size], row) for row in found]
        return [*map(StoredRow._make, zip(keys, texts, found, strict=True))]


def _within(
    connection: sa.Connection, sql: RowStatements, after: Packed | None, last: Packed | None = None
) -> tuple[str, list[Any]]:
    """The rows behind a stored key, up to the `last` one."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    bounds = [(sign, key) for sign, key in ((">", after), ("<=", last)) if key is not None]
    within = [f"({', '.join(sql.keys)}) {sign} {many_rows(1, len(sql.keys), mark)}" for sign, _ in bounds]
    where = f" WHERE {' AND '.join(within)}" if within else ""
    return f"FROM {sql.table}{where}", [part for _, key in bounds for part in key]


def is_its_text(kind: sa.types.TypeEngine[Any]) -> bool:
    """Whether a key of this type is stored as its text, and equal to no other."""
    return isinstance(kind, sa.String) and not isinstance(kind, (sa.CHAR, sa.Enum)) and kind.collation is None


def row_statements(database: Database, model: RowModel, number: int) -> RowStatements:
    kind = RowStatements if database.dialect == "sqlite" else PostgresRowStatements
    return kind(model, number, database.engine.dialect)


def live_of(connection: sa.Connection, name: str) -> Generation:
    """Raises ReadModelMissing."""
    return generation_of(_one(connection.execute(_LIVE, {"p": name}), name))


def _one(found: sa.CursorResult[Any], name: str) -> sa.RowMapping:
    row = found.mappings().one_or_none()
    if row is None:
        raise ReadModelMissing(name=name)
    return row


@functools.cache
def _live_and_parked(dialect: str) -> sa.Select[Any]:
    """The keys as one JSON array, or NULL."""
    p = parked_keys.c
    keys = sa.func.json_group_array(p.key) if dialect == "sqlite" else sa.cast(sa.func.json_agg(p.key), sa.Text)
    its = sa.select(keys).where(p.projection == g.c.projection, p.generation == g.c.generation)
    return _LIVE.add_columns(its.correlate(g).scalar_subquery().label("parked"))


def _row(codec: RowCodec, stored: tuple[Any, ...], row: Packed) -> StoredRow:
    try:
        (key,) = codec.unpack_keys([stored])
        codec.model.check_keys([key])
        return StoredRow(key, key_text(key), row)
    except (ValueError, TypeError, ArithmeticError, InexactValue):
        return StoredRow(None, f"unreadable: {', '.join(map(repr, stored))}", row)
