"""Triggers that are not named as if they were generations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_0006_trigger_names"
down_revision = "read_0005_followed_ways"

KINDS = ("insert", "update", "delete")
_ON_POSTGRES = """
SELECT tgname, tgrelid::regclass::text, CASE WHEN tgtype & 4 > 0 THEN 'insert' WHEN tgtype & 8 > 0 THEN 'delete'
    ELSE 'update' END
FROM pg_trigger WHERE tgfoid = 'note_foreign_write'::regproc"""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        _rename_on_postgres(connection)
    else:
        _rename_on_sqlite(connection)


def _rename_on_postgres(connection: sa.Connection) -> None:
    quote = connection.dialect.identifier_preparer.quote
    for name, table, kind in connection.exec_driver_sql(_ON_POSTGRES).all():
        connection.exec_driver_sql(f"ALTER TRIGGER {quote(name)} ON {table} RENAME TO note_foreign_{kind}")


def _rename_on_sqlite(connection: sa.Connection) -> None:
    """It has no statement for it: each is made anew, from its own text."""
    quote = connection.dialect.identifier_preparer.quote
    rows = connection.exec_driver_sql("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    for name, table, text in rows:
        for kind in KINDS:
            if name == f"{table}__{kind}" and "INSERT INTO foreign_writes" in text:
                connection.exec_driver_sql(f"DROP TRIGGER {quote(name)}")
                connection.exec_driver_sql(text.replace(name, f"note_foreign_{kind}_in_{table}", 1))
