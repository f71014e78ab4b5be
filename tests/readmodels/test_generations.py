"""Generation tables take writes from anyone and notice them; the view shows the live one and takes none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import READ, upgrade

shops = RowModel(
    sa.Table(
        "shops",
        sa.MetaData(),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("city", sa.Text, index=True),
        sa.Column("sign", sa.Text),
        sa.Index("ix_sign", "sign"),
        sa.UniqueConstraint("sign", name="uq_sign"),
    )
)
stalls = RowModel(
    sa.Table(
        "stalls",
        sa.MetaData(),
        sa.Column("market", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("sells", sa.Text),
    )
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database("sqlite:///read.db", root=tmp_path)
    upgrade(database, READ)
    yield database
    database.dispose()


@pytest.fixture
def store(database: Database) -> SqlReadModelStore:
    return SqlReadModelStore(database)


@pytest.fixture
def somebody(database: Database, store: SqlReadModelStore) -> Iterator[sqlite3.Connection]:
    """Another client, which knows nothing of us."""
    for model in (shops, stalls):
        store.ensure(model, shape="[]", logic="1")
    connection = sqlite3.connect(database.path, isolation_level=None)
    yield connection
    connection.close()


def noticed(connection: sqlite3.Connection) -> list[tuple[str, int, str, str]]:
    return connection.execute("SELECT projection, generation, key, kind FROM foreign_writes ORDER BY id").fetchall()


def take(store: SqlReadModelStore, model: RowModel) -> Generation:
    held = store.acquire(model.name, 1, owner="w1")
    assert held is not None
    return held


def ours(store: SqlReadModelStore, held: Generation, position: int, *, write: str = "", delete: str = "") -> Generation:
    rows = store.rows(shops, held.number)
    row = shops.new_row(write)
    row._pos = position
    packed = rows.pack([write], [row]) if write else []
    deletes = [delete] if delete else []
    return rows.commit(held, Batch(position=position, event_id="e", upserts=packed, deletes=deletes))


def test_what_we_write_is_not_foreign(store: SqlReadModelStore, somebody: sqlite3.Connection) -> None:
    held = take(store, shops)
    held = ours(store, held, 1, write="a")
    held = ours(store, held, 2, write="a")
    held = ours(store, held, 3, delete="a")
    ours(store, held, 4, delete="nobody")
    assert noticed(somebody) == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE shops__g1 SET city = 'Rome'", [("a", "update")]),
        ("UPDATE shops__g1 SET id = 'b'", [("a", "update"), ("b", "update")]),
        ("DELETE FROM shops__g1", [("a", "delete")]),
        ("INSERT INTO shops__g1 (id) VALUES ('b')", [("b", "insert")]),
        ("REPLACE INTO shops__g1 (id) VALUES ('a')", [("a", "insert")]),
        ("INSERT INTO shops__g1 (id) VALUES ('a') ON CONFLICT DO UPDATE SET city = 'x'", [("a", "update")]),
    ],
)
def test_what_somebody_else_writes_is_noticed(
    store: SqlReadModelStore, somebody: sqlite3.Connection, statement: str, expected: list[tuple[str, str]]
) -> None:
    ours(store, take(store, shops), 1, write="a")
    somebody.execute(statement)
    assert noticed(somebody) == [("shops", 1, key, kind) for key, kind in expected]


def test_a_composite_key_is_noted_as_its_text(somebody: sqlite3.Connection) -> None:
    somebody.execute("INSERT INTO stalls__g1 (market, number) VALUES ('north', 7)")
    assert noticed(somebody) == [("stalls", 1, '["north",7]', "insert")]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO shops (id) VALUES ('a')",
        "UPDATE shops SET city = 'x'",
        "DELETE FROM shops",
    ],
)
def test_the_view_refuses_writes(somebody: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.OperationalError, match="view"):
        somebody.execute(statement)


def test_the_view_shows_the_declared_columns_only(somebody: sqlite3.Connection) -> None:
    assert [column[0] for column in somebody.execute("SELECT * FROM shops").description] == ["id", "city", "sign"]


def test_indexes_of_two_generations_have_different_names(store: SqlReadModelStore, somebody: Any) -> None:
    store.create(shops, shape="[]", logic="1")
    names = somebody.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    assert {name for (name,) in names if "shops" in name or "sign" in name} == {
        "ix_shops__g1_city__g1",
        "ix_shops__g2_city__g2",
        "ix_sign__g1",
        "ix_sign__g2",
    }


def test_a_generation_that_is_being_built_is_not_watched(store: SqlReadModelStore, somebody: Any) -> None:
    store.create(shops, shape="[]", logic="1")
    somebody.execute("INSERT INTO shops__g2 (id) VALUES ('b')")
    assert noticed(somebody) == []
