"""A read model as seen from Python: its columns, its key, and the class its rows have while events are folded."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.errors import InexactValue
from cqrs.readmodels.guards import guard_of
from cqrs.readmodels.types import Money, UtcDateTime

#: The value of the key column, or a tuple of them in the order of the table's columns.
Key = Any

#: A mutable object with one attribute per column, `key`, and `_pos`: the position of the last event applied to it.
Row = Any


class RowModel:
    """What the engine and the stores know of one read model's table. Its name is the projection's, but for the
    companions of a SQL projection, which move together with its first table."""

    def __init__(
        self,
        table: sa.Table,
        title: str | None = None,
        *,
        projection: str | None = None,
        keyed: bool = True,
        companions: Sequence[RowModel] = (),
    ) -> None:
        self.table = table
        self.name = table.name
        self.projection = projection or self.name
        #: Whether its rows are made by handlers of rows; else by statements, and no row says by which event.
        self.keyed = keyed
        self.companions = tuple(companions)
        #: For people.
        self.title = title or table.name.replace("_", " ").capitalize()
        self.key_columns: tuple[sa.Column[Any], ...] = tuple(c for c in table.columns if c.primary_key)
        #: Keys first: the order of a row's fields, and of values in statements. `_pos` comes behind.
        self.columns = self.key_columns + tuple(c for c in table.columns if not c.primary_key)
        self.composite = len(self.key_columns) > 1

    @cached_property
    def row_class(self) -> type[Any]:
        """A struct of fixed attributes: a handler that misspells a column fails instead of losing the value."""
        fields: list[tuple[str, Any, Any]] = [(str(c.key), Any, None) for c in self.key_columns]
        fields += [(str(c.key), Any, _field(c)) for c in self.columns[len(self.key_columns) :]]
        fields.append(("_pos", int, 0))
        names = [str(c.key) for c in self.key_columns]
        namespace = {} if "key" in self.table.columns else {"key": property(attrgetter(*names))}
        name = "".join(part.capitalize() for part in self.name.split("_")) + "Row"
        # gc=False: a row is part of no reference cycle, and a build keeps some 100,000 of them.
        return msgspec.defstruct(name, fields, namespace=namespace, gc=False)

    @cached_property
    def new_row(self) -> Callable[[Key], Row]:
        """Makes a row from its key: every other column has its scalar default, or None."""
        make = self.row_class
        return (lambda key: make(*key)) if self.composite else make

    def check_keys(self, keys: Iterable[Key]) -> None:
        """Raises InexactValue when one of them can be the key of no row: wrong type, None, NUL, too wide."""
        for column, guard, values in zip(self.key_columns, self._key_guards, self._parts(keys), strict=False):
            try:
                guard(values)
            except InexactValue as error:
                raise InexactValue(value=error.facts["value"], column=column.name, why=error.facts["why"]) from None

    def _parts(self, keys: Iterable[Key]) -> list[Any]:
        if not self.composite:
            return [list(keys)]
        size = len(self.key_columns)
        for key in keys:
            if type(key) is not tuple or len(key) != size:
                raise InexactValue(value=key, column=self.name, why=f"its key is a tuple of {size} values")
        return list(zip(*keys, strict=True))

    @cached_property
    def _key_guards(self) -> tuple[Callable[[Any], Any], ...]:
        return tuple(guard_of(column) for column in self.key_columns)


def _field(column: sa.Column[Any]) -> Any:
    value = settled_default(column)
    if isinstance(value, (list, dict)):
        return msgspec.field(default_factory=lambda: copy.deepcopy(value))
    return value


def settled_default(column: sa.Column[Any]) -> Any:
    """The column's default as it will be read from the database; None when it has none. Raises InexactValue."""
    value = column.default.arg if isinstance(column.default, sa.ColumnDefault) and column.default.is_scalar else None
    if value is None:
        return None
    (value,) = guard_of(column)([value])
    return column.type.settled(value) if isinstance(column.type, (Money, UtcDateTime)) else value
