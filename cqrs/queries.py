"""What a query handler reads from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa


class QueryContext:
    """A short snapshot of the read database: all that one handler reads is of the same moment."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def rows(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return [dict(row) for row in self.connection.execute(statement, parameters).mappings()]

    def row(self, statement: sa.Executable, parameters: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """The first row, or None."""
        found = self.connection.execute(statement, parameters).mappings().first()
        return None if found is None else dict(found)
