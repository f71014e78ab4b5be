"""Which half of the log belongs to a database."""

from __future__ import annotations

from cqrs.store.database import Database
from cqrs.store.log import Log


def log_of(database: Database) -> Log:
    """Only the half that is needed is imported."""
    if database.dialect == "postgresql":
        from cqrs.store.postgres_log import PostgresLog

        return PostgresLog()
    from cqrs.store.sqlite_log import SqliteLog

    return SqliteLog()
