"""Moving what is stored into the past, since expiries follow the clock of the database, which no test can set."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from cqrs.store.database import Database


def age(database: Database, table: sa.Table, by: timedelta) -> None:
    """Every moment in the table becomes `by` earlier."""
    moments = [column for column in table.c if column.name.endswith("_at")]
    keys = list(table.primary_key)
    with database.write() as connection:
        for row in connection.execute(sa.select(*keys, *moments)).mappings().all():
            earlier = {column.name: row[column] - by for column in moments if row[column] is not None}
            connection.execute(table.update().where(*(key == row[key] for key in keys)).values(earlier))
