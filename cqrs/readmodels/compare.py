"""Two generations side by side, a chunk of keys at a time: the database finds what differs, only that travels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from cqrs.readmodels.difference import Compared, Difference, DifferenceKind
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.generations import table_name
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.shape import own_columns
from cqrs.readmodels.statements import MOST_ROWS, Statement, many_rows
from cqrs.readmodels.tables import generations as g

KeyValues = tuple[Any, ...]


class Comparison:
    """Of two generations of one read model, in whatever columns they have in common."""

    def __init__(self, connection: sa.Connection, model: RowModel, live: Generation, candidate: Generation) -> None:
        self._connection = connection
        self._numbers = (live.number, candidate.number)
        self._name = model.projection
        quote = connection.dialect.identifier_preparer.quote
        self._sqlite = connection.dialect.name == "sqlite"
        self._mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        self._live, self._new = (quote(table_name(model, number)) for number in self._numbers)
        self._keys = [quote(column.name) for column in model.key_columns]
        theirs = own_columns(live.shape, model)
        both = [name for name, column in own_columns(candidate.shape, model).items() if theirs.get(name) == column]
        json = {column.name for column in model.columns if isinstance(column.type, sa.JSON)}
        self._values = [(quote(name), name in json) for name in both if quote(name) not in self._keys]

    def chunk(self, after: KeyValues | None, size: int) -> Compared:
        ends = [end for table in (self._live, self._new) if (end := self._end(table, after, size)) is not None]
        end = _lower(ends)
        found = self._compare(*self._between(after, end))
        return Compared(*found, end)

    def keys(self, keys: Sequence[KeyValues]) -> Compared:
        live_position = position = rows = 0
        differences: list[Difference] = []
        for start in range(0, len(keys), MOST_ROWS):
            found = self._compare(*self._among(keys[start : start + MOST_ROWS]))
            live_position, position = found[:2]
            rows += found[2]
            differences += found[3]
        return Compared(live_position, position, rows, differences)

    def _compare(self, where: str, values: KeyValues) -> tuple[int, int, int, list[Difference]]:
        """`where` names the table as {t}."""
        live_position, position = (self._position(number) for number in self._numbers)
        counted = f"SELECT count(*) FROM {self._live} l WHERE {where.format(t='l')}"
        rows = self._connection.exec_driver_sql(counted, values).scalar_one()
        same_key = " AND ".join(f"l.{key} = n.{key}" for key in self._keys)
        differs = " OR ".join(self._differ(name, json) for name, json in self._values) or "1 = 0"
        first = self._keys[0]
        found = self._connection.exec_driver_sql(
            f"SELECT {self._named('l')}, CASE WHEN n.{first} IS NULL THEN 'extra' ELSE 'changed' END, l._pos "
            f"FROM {self._live} l LEFT JOIN {self._new} n ON {same_key} "
            f"WHERE {where.format(t='l')} AND (n.{first} IS NULL OR {differs}) "
            f"UNION ALL SELECT {self._named('n')}, 'missing', NULL "
            f"FROM {self._new} n LEFT JOIN {self._live} l ON {same_key} "
            f"WHERE {where.format(t='n')} AND l.{first} IS NULL",
            (*values, *values),
        )
        differences = [Difference(tuple(row[:-2]), DifferenceKind(row[-2]), row[-1]) for row in found]
        return live_position, position, rows, differences

    def _differ(self, name: str, json: bool) -> str:
        if self._sqlite:
            return f"l.{name} IS NOT n.{name}"
        cast = "::jsonb" if json else ""  # PostgreSQL compares no json
        return f"l.{name}{cast} IS DISTINCT FROM n.{name}{cast}"

    def _end(self, table: str, after: KeyValues | None, size: int) -> KeyValues | None:
        """The last key of a chunk; None when the table has fewer rows than that left."""
        where, values = self._between(after, None)
        keys = ", ".join(self._keys)
        asked = f"SELECT {keys} FROM {table} t WHERE {where.format(t='t')} ORDER BY {keys} LIMIT 1 OFFSET {size - 1:d}"
        row = self._connection.exec_driver_sql(asked, values).one_or_none()
        return None if row is None else tuple(row)

    def _between(self, after: KeyValues | None, end: KeyValues | None) -> Statement:
        row = many_rows(1, len(self._keys), self._mark)
        limits = [(">", after), ("<=", end)]
        parts = [f"({self._named('{t}')}) {sign} {row}" for sign, key in limits if key is not None]
        values = [value for _, key in limits for value in key or ()]
        return " AND ".join(parts) or "1 = 1", tuple(values)

    def _among(self, keys: Sequence[KeyValues]) -> Statement:
        rows = many_rows(len(keys), len(self._keys), self._mark)
        return f"({self._named('{t}')}) IN (VALUES {rows})", tuple(value for key in keys for value in key)

    def _named(self, table: str) -> str:
        return ", ".join(f"{table}.{key}" for key in self._keys)

    def _position(self, number: int) -> int:
        asked = sa.select(g.c.position).where(g.c.projection == self._name, g.c.generation == number)
        return self._connection.execute(asked).scalar() or 0


def _lower(ends: Sequence[KeyValues]) -> KeyValues | None:
    try:
        return min(ends, default=None)
    except TypeError:  # somebody wrote a key of another type
        return ends[0]
