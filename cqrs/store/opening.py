"""Which kind of database a URL means. Only that kind is imported: another one's driver need not be installed."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from cqrs.errors import UnsupportedDatabase
from cqrs.store.database import Database


def open_database(url: str, *, root: Path) -> Database:
    """Relative SQLite paths start at `root`. Opens no connection. Raises UnsupportedDatabase for a URL without use."""
    scheme = url.partition(":")[0].partition("+")[0]
    if scheme in ("postgres", "postgresql"):
        from cqrs.store.postgres_database import PostgresDatabase

        return PostgresDatabase(url)
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise UnsupportedDatabase(url=url, why="it is not a database URL") from None
    if parsed.get_backend_name() != "sqlite":
        why = "only SQLite files (sqlite:///…) and PostgreSQL (postgresql://…) are supported"
        raise UnsupportedDatabase(url=parsed.render_as_string(), why=why)
    from cqrs.store.sqlite_database import SqliteDatabase

    return SqliteDatabase(parsed, root=root)
