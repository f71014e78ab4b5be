"""What every request asks of our own tables: put together once, and carried out by the driver itself.

SQLAlchemy writes the statement and knows the types; its way of executing one takes longer than the database does.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Processor = Callable[[Any], Any]


class Question:
    """A SELECT whose parameters are texts and numbers; beside a list (IN) one needs a value to begin with.

    `keep_plan`: see `database.KEEP_PLAN`.
    """

    def __init__(self, select: sa.Select[Any], *, keep_plan: bool = True) -> None:
        self._select = select
        self._keep_plan = keep_plan
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, driver: Any, dialect: Dialect, values: dict[str, Any]) -> list[Any]:
        """With columns by name, as far as Python takes it for one. Raises what the driver raises."""
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = _Compiled(self._select, dialect, self._keep_plan)
        return self._compiled[dialect.name].rows(driver, values)


class _Compiled:
    def __init__(self, select: sa.Select[Any], dialect: Dialect, keep_plan: bool) -> None:
        compiled: Any = select.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self._text, self._order = str(compiled), compiled.positiontup
        self._constants = compiled.params
        self._cursor: Callable[[Any], Any] = dialect.loaded_dbapi.Cursor
        self._options: dict[str, Any] = {}
        if dialect.name == "postgresql":
            # The driver reads a text of 4 kB anew at every execution, to find what it has named parameters for.
            self._text, self._order = _numbered(self._text)
            self._cursor = dialect.loaded_dbapi.RawCursor
            self._options = {"prepare": keep_plan or None}
        columns = select.selected_columns
        answer: Any = namedtuple("Answer", [str(column.key) for column in columns], rename=True)  # type: ignore[misc]
        self._make: Callable[[Iterable[Any]], Any] = answer._make
        self._types = [column.type.dialect_impl(dialect) for column in columns]
        self._dialect = dialect
        self._processors: list[Processor | None] | None = None

    def rows(self, driver: Any, values: dict[str, Any]) -> list[Any]:
        given = {**self._constants, **values}
        cursor = self._cursor(driver)
        cursor.execute(self._text, [given[name] for name in self._order], **self._options)
        if self._processors is None:
            self._processors = self._processors_for(cursor)
        return [self._make(map(_processed, self._processors, row)) for row in cursor.fetchall()]

    def _processors_for(self, cursor: Any) -> list[Processor | None]:
        """How a number is read depends on what the driver makes of it, which it tells with the first answer."""
        described = zip(self._types, cursor.description, strict=True)
        return [kind.result_processor(self._dialect, described_as[1]) for kind, described_as in described]


def _numbered(text: str) -> tuple[str, list[str]]:
    """With $1 for the first `%(name)s`, and the names in this order."""
    order: list[str] = []

    def number(found: re.Match[str]) -> str:
        order.append(found[1])
        return f"${len(order)}"

    return re.sub(r"%\((\w+)\)s", number, text).replace("%%", "%"), order


def _processed(processor: Processor | None, value: Any) -> Any:
    return value if processor is None else processor(value)
