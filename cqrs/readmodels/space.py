"""How much disk a generation takes, and how much there is."""

from __future__ import annotations

import shutil

import sqlalchemy as sa

from cqrs.readmodels.generations import table_name
from cqrs.readmodels.rows import RowModel
from cqrs.store.database import Database


def bytes_of(database: Database, model: RowModel, number: int) -> int | None:
    """With its indexes; None where the database cannot tell."""
    sizes = [_bytes_of(database, table_name(each, number)) for each in (model, *model.companions)]
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None


def _bytes_of(database: Database, table: str) -> int | None:
    try:
        with database.read() as connection:
            if database.dialect == "postgresql":
                size = sa.text("SELECT pg_total_relation_size(to_regclass(:name))")
                found = connection.execute(size, {"name": connection.dialect.identifier_preparer.quote(table)})
            else:
                names = "SELECT name FROM sqlite_master WHERE tbl_name = :name"
                size = sa.text(f"SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE AND name IN ({names})")
                found = connection.execute(size, {"name": table})
            total = found.scalar()
    except sa.exc.OperationalError:  # An SQLite without the table of sizes.
        return None
    return None if total is None else int(total)


def bytes_free(database: Database) -> int | None:
    """None when the database lies on another machine, or may."""
    return None if database.path is None else shutil.disk_usage(database.path.parent).free
