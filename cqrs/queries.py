"""What a query handler reads from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from cqrs.errors import RowUnreadable


class QueryContext:
    """A short snapshot of the read database: all that one handler reads is of the same moment."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def rows(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Raises RowUnreadable when somebody else wrote what a column cannot hold; `row` does as well."""
        found = self.connection.execute(statement, parameters).mappings()
        with reading():
            return [dict(row) for row in found]

    def row(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """The first row, or None."""
        result = self.connection.execute(statement, parameters).mappings()
        with reading():
            found = result.first()
            return None if found is None else dict(found)


@contextmanager
def reading() -> Iterator[None]:
    """Column types fail in ways of their own at a value that is none of theirs."""
    try:
        yield
    except (ValueError, TypeError, ArithmeticError) as error:
        raise RowUnreadable(key="that was asked for", why="it holds a value that its column cannot have") from error
