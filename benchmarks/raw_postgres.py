"""The limit on PostgreSQL: the least that has to be done, through psycopg alone, on the tables our database has."""

from __future__ import annotations

import itertools

import psycopg
import sqlalchemy as sa

from benchmarks.logs import COLUMNS, rows
from benchmarks.raw import TYPES, Raws, Rows
from benchmarks.workload import EVENTS_PER_USER

READ = "SELECT position, type, data FROM events WHERE type = ANY(%s) ORDER BY position"
INSERT = f"INSERT INTO raw_events ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * len(COLUMNS))})"
ROW = "user_id, _pos, name, email, order_count, total_spent, last_order_at"
FILL = 20_000


def fill(url: str, count: int, *, per_user: int = EVENTS_PER_USER) -> None:
    """Put `count` events into a log that has its schema and nothing else, and let the server settle."""
    source = rows(count, per_user)
    with psycopg.connect(url, autocommit=True) as connection:
        while page := list(itertools.islice(source, FILL)):
            with connection.cursor() as cursor, cursor.copy(f"COPY events ({', '.join(COLUMNS)}) FROM STDIN") as copy:
                for row in page:
                    copy.write_row(row)
        connection.execute("VACUUM ANALYZE events")
        connection.execute("CHECKPOINT")


def with_driver(url: str) -> str:
    """The address as SQLAlchemy wants it."""
    return sa.make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def read(connection: psycopg.Connection) -> Raws:
    return connection.execute(READ, (list(TYPES),))


def write(connection: psycopg.Connection, table: str, folded: Rows) -> None:
    """By COPY, which is the quickest way into an empty table."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({ROW}) FROM STDIN") as copy:
        for key, (position, name, email, count, spent, last) in folded.items():
            copy.write_row((key, position, name, email, count, spent, last))
    connection.commit()


def copy_shape(url: str, table: str, name: str) -> None:
    """Create `name` with the columns, indexes and defaults of `table`, without its triggers."""
    with psycopg.connect(url) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {name}".encode())
        connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)".encode())
