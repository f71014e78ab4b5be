"""Whoever lists `<name>__g…` finds generations and nothing else: also in a database that an older program made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from cqrs.readmodels import foreign
from cqrs.readmodels.generations import create_generation
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import READ, Chain, upgrade
from tests.postgres import create_database, drop_database

# With its generation it is as long as PostgreSQL lets names be: the older triggers were cut off.
NAME = "members_of_the_library_of_a_town_with_a_long_name_x"
MEMBERS = RowModel(
    sa.Table(NAME, sa.MetaData(), sa.Column("id", sa.Text, primary_key=True), sa.Column("name", sa.Text))
)
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE '%\\_\\_g_' ESCAPE '\\'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgfoid = 'note_foreign_write'::regproc",
}

RELATIONS = {"sqlite": "SELECT name FROM sqlite_master", "postgresql": "SELECT relname FROM pg_class"}


@pytest.fixture
def database(dialect: str, tmp_path: Path) -> Iterator[Database]:
    """Without any tables yet."""
    url = create_database() if dialect == "postgresql" else "sqlite:///read.db"
    database = open_database(url, root=tmp_path)
    yield database
    database.dispose()
    if dialect == "postgresql":
        drop_database(url)


def triggers(database: Database) -> list[str]:
    with database.read() as connection:
        return sorted(connection.exec_driver_sql(TRIGGERS[database.dialect]).scalars())


def noticed(database: Database) -> list[tuple[str, str]]:
    with database.write() as connection:
        connection.exec_driver_sql(f"INSERT INTO {NAME}__g1 (id, name) VALUES ('m1', 'Ada')")
        connection.exec_driver_sql(f"UPDATE {NAME}__g1 SET name = 'Bob' WHERE id = 'm1'")
        connection.exec_driver_sql(f"DELETE FROM {NAME}__g1 WHERE id = 'm1'")
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT kind, key FROM foreign_writes ORDER BY id").all()
        return [(kind, key) for kind, key in rows]


def old_chain(folder: Path) -> Chain:
    (folder / "versions").mkdir(parents=True)
    for file in (READ.folder / "versions").glob("read_000[1-4]_*.py"):
        shutil.copy(file, folder / "versions")
    return Chain(folder, READ.version_table)


def old_name(_connection: sa.Connection, kind: str, table: str) -> str:
    return f"{table}__{kind}"


def make_old(database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of a generation and their triggers, as that program left them."""
    upgrade(database, old_chain(folder / "old"))
    with monkeypatch.context() as older, database.write() as connection:
        older.setattr(foreign, "_name", old_name)
        create_generation(connection, MEMBERS, 1)
        foreign.watch(connection, MEMBERS, 1)


def test_triggers_of_a_new_generation_do_not_look_like_one(database: Database) -> None:
    upgrade(database, READ)
    SqlReadModelStore(database).ensure(MEMBERS, shape="s", logic="l")
    assert len(triggers(database)) == 3
    assert not [name for name in triggers(database) if name.startswith(NAME)]
    assert [kind for kind, _ in noticed(database)] == ["insert", "update", "delete"]


def test_those_of_an_older_program_are_renamed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(database, tmp_path, monkeypatch)
    before = triggers(database)
    assert len([name for name in before if name.startswith(f"{NAME}__g1__")]) == 3
    upgrade(database, READ)
    assert len(triggers(database)) == 3
    assert not [name for name in triggers(database) if name.startswith(NAME)]
    assert noticed(database) == [("insert", "m1"), ("update", "m1"), ("delete", "m1")]


def test_watching_a_table_again_gives_it_no_second_set(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generation that is rolled back to was watched before."""
    make_old(database, tmp_path, monkeypatch)
    upgrade(database, READ)
    with database.write() as connection:
        foreign.watch(connection, MEMBERS, 1)
    assert len(triggers(database)) == 3


def test_neither_does_the_index_of_its_key(database: Database) -> None:
    upgrade(database, READ)
    SqlReadModelStore(database).ensure(MEMBERS, shape="s", logic="l")
    with database.read() as connection:
        listed = connection.exec_driver_sql(RELATIONS[database.dialect]).scalars()
        assert [name for name in listed if name.startswith(f"{NAME}__g")] == [f"{NAME}__g1"]
