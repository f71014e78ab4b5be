"""The clock of the database inside a statement: the one clock that all workers on it agree on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from cqrs.store.instants import Instant


class DatabaseNow(FunctionElement[datetime]):
    """Its one argument is a number of seconds to add."""

    name = "database_now"
    type = Instant()
    inherit_cache = True


def database_now(plus_seconds: Any = 0) -> DatabaseNow:
    return DatabaseNow(plus_seconds)


@compiles(DatabaseNow, "sqlite")
def _sqlite(element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', {seconds} || ' seconds')"


@compiles(DatabaseNow)
def _others(element: DatabaseNow, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    return f"clock_timestamp() + {seconds} * interval '1 second'"
