"""The least table that the gap proof needs, on a real server, and writers that stop where a test wants them."""

from __future__ import annotations

import psycopg
import sqlalchemy as sa

from cqrs.store.ordering import SHARED_LOCK
from cqrs.store.postgres_ddl import ORDER_TABLES, TRIGGERS
from tests.postgres import with_driver

_TABLE = """CREATE TABLE events (
    position bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    writer integer NOT NULL, number bigint NOT NULL)"""

APPEND = f"""WITH ordered AS MATERIALIZED (SELECT {SHARED_LOCK})
    INSERT INTO events (writer, number) SELECT %s, n FROM generate_series(1, %s) AS n, ordered ORDER BY n
    RETURNING position"""


def create_bare_log(url: str) -> sa.Engine:
    engine = sa.create_engine(with_driver(url))
    with engine.begin() as connection:
        for statement in (_TABLE, *TRIGGERS, *ORDER_TABLES):
            connection.exec_driver_sql(statement)
    return engine


class Writer:
    """One connection whose transaction begins with its first append and ends when the test says so."""

    def __init__(self, url: str, application: str = "writer") -> None:
        self.connection = psycopg.connect(url, application_name=application)

    def append(self, count: int = 1) -> list[int]:
        return [row[0] for row in self.connection.execute(APPEND, (1, count)).fetchall()]

    def append_and_commit(self, count: int = 1) -> list[int]:
        positions = self.append(count)
        self.connection.commit()
        return positions

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()
