"""Migrations: complete, all or nothing, safe when processes start together, and told apart by their sentences."""

from __future__ import annotations

import importlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from cqrs.errors import SchemaMissing, SchemaOutdated, SchemaTooNew
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, READ, Chain, check, upgrade
from tests.contracts.event_store import at_once

TABLES = {
    "main": [
        "cqrs.store.tables",
        "cqrs.operators.tables",
        "cqrs.workers.tables",
        "cqrs.workers.operation_tables",
        "cqrs.drift.tables",
    ],
    "read": ["cqrs.readmodels.tables"],
}

FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "t_0001", None
def upgrade():
    op.create_table("orders", sa.Column("id", sa.Integer))
"""
BROKEN = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "t_0002", "t_0001"
def upgrade():
    op.create_table("refunds", sa.Column("id", sa.Integer))
    op.execute("INSERT INTO refunds VALUES (1)")
    op.execute("INSERT INTO nowhere VALUES (1)")
"""

UPGRADE = """
import sys
from pathlib import Path
from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, READ, check, upgrade
database = open_database(sys.argv[1], root=Path())
sys.stdin.readline()
for chain in (MAIN, READ):
    upgrade(database, chain)
    check(database, chain)
"""


@pytest.fixture
def empty(tmp_path: Path) -> Database:
    return open_database("sqlite:///empty.db", root=tmp_path)


@pytest.fixture
def make_chain(tmp_path: Path) -> Callable[..., Chain]:
    def make(*revisions: str) -> Chain:
        folder = tmp_path / f"chain{len(revisions)}"
        (folder / "versions").mkdir(parents=True)
        for n, text in enumerate(revisions):
            (folder / "versions" / f"t_{n}.py").write_text(text)
        return Chain(folder, "test_version")

    return make


def tables_of(database: Database) -> set[str]:
    with database.read() as connection:
        return set(sa.inspect(connection).get_table_names())


def structure_of(database: Database) -> dict[str, object]:
    """Columns, keys and indexes of all our tables, by PRAGMA: SQLAlchemy cannot reflect an index on an expression."""
    client = sqlite3.connect(str(database.path))
    tables = [
        name
        for (name,) in client.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if not name.startswith(("sqlite_", "projectionist_"))
    ]
    found: dict[str, object] = {}
    for table in tables:
        indexes = client.execute(f"PRAGMA index_list({table})").fetchall()
        found[table] = (
            client.execute(f"PRAGMA table_xinfo({table})").fetchall(),
            sorted(client.execute(f"PRAGMA foreign_key_list({table})").fetchall()),
            sorted(
                (unique, origin, partial, tuple(client.execute(f"PRAGMA index_xinfo({name})").fetchall()))
                for _, name, unique, origin, partial in indexes
            ),
        )
    found["indexes"] = client.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
    ).fetchall()
    client.close()
    return found


@pytest.mark.parametrize(("name", "chain"), [("main", MAIN), ("read", READ)])
def test_migrations_make_what_the_tables_say(tmp_path: Path, name: str, chain: Chain) -> None:
    migrated, created = (open_database(f"sqlite:///{file}.db", root=tmp_path) for file in ("migrated", "created"))
    upgrade(migrated, chain)
    modules = [importlib.import_module(module) for module in TABLES[name]]
    with created.write() as connection:
        getattr(modules[0], name).create_all(connection)
    assert structure_of(migrated) == structure_of(created)


def test_both_chains_live_in_one_file_and_a_second_upgrade_changes_nothing(empty: Database) -> None:
    for chain in (MAIN, READ):
        upgrade(empty, chain)
    before = structure_of(empty)
    for chain in (MAIN, READ):
        upgrade(empty, chain)
        check(empty, chain)
    assert structure_of(empty) == before
    assert {"events", "generations", MAIN.version_table, READ.version_table} <= tables_of(empty)


def test_a_new_database_has_no_tables_yet(empty: Database) -> None:
    with pytest.raises(SchemaMissing, match="init-db"):
        check(empty, MAIN)


def test_an_older_database_is_outdated_until_it_is_upgraded(empty: Database, make_chain: Callable[..., Chain]) -> None:
    upgrade(empty, make_chain(FIRST))
    newer = make_chain(FIRST, BROKEN.replace("nowhere", "refunds"))
    with pytest.raises(SchemaOutdated, match="init-db"):
        check(empty, newer)
    upgrade(empty, newer)
    check(empty, newer)
    assert "refunds" in tables_of(empty)


def test_a_newer_database_is_left_alone(empty: Database, make_chain: Callable[..., Chain]) -> None:
    upgrade(empty, make_chain(FIRST, BROKEN.replace("nowhere", "refunds")))
    older = make_chain(FIRST)
    for act in (check, upgrade):
        with pytest.raises(SchemaTooNew, match="t_0002"):
            act(empty, older)


def test_a_failing_migration_leaves_nothing_behind(empty: Database, make_chain: Callable[..., Chain]) -> None:
    with pytest.raises(sa.exc.OperationalError, match="nowhere"):
        upgrade(empty, make_chain(FIRST, BROKEN))
    assert tables_of(empty) == set()


def test_threads_may_upgrade_at_once(tmp_path: Path) -> None:
    databases = [open_database(f"sqlite:///{n % 2}.db", root=tmp_path) for n in range(6)]
    assert at_once(6, lambda n: upgrade(databases[n], MAIN)) == [None] * 6
    for database in databases:
        check(database, MAIN)


def test_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", UPGRADE, f"sqlite:///{tmp_path}/shared.db"]
    started = [
        subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60) for process in started]
    ended = [(process.returncode, *output) for process, output in zip(started, outputs, strict=True)]
    assert ended == [(0, "", "")] * 2
