"""Bringing the tables of a database up to date, and telling when they are not.

There are two chains of Alembic revisions, for the main and the read database, each with its own version table: the
two databases may be one. A chain is upgraded in a single write transaction, so two processes that start together
take turns, and a migration that fails leaves nothing behind.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from cqrs.errors import SchemaMissing, SchemaOutdated, SchemaTooNew
from cqrs.store.database import Database

_PACKAGES = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Chain:
    """A line of revisions, and the table that remembers how far a database has come along it."""

    folder: Path
    version_table: str


MAIN = Chain(_PACKAGES / "store" / "migrations", "projectionist_main_version")
READ = Chain(_PACKAGES / "readmodels" / "migrations", "projectionist_read_version")

# Alembic hands revisions their connection through module globals, so one thread of a process upgrades at a time.
_ALEMBIC = threading.Lock()


def upgrade(database: Database, chain: Chain) -> None:
    """Apply all revisions the database lacks, all or none. Raises SchemaTooNew when it is ahead of this program."""
    script = _script(chain)
    with _ALEMBIC, database.write() as connection:
        database.begin_migration(connection)
        _refuse_newer(database, script, _revision(connection, chain))
        _run(connection, chain, script)


def check(database: Database, chain: Chain) -> None:
    """Raises SchemaMissing, SchemaOutdated or SchemaTooNew unless the tables are just what this program expects."""
    script = _script(chain)
    with database.read() as connection:
        revision = _revision(connection, chain)
    if revision is None:
        raise SchemaMissing(database=database.name)
    _refuse_newer(database, script, revision)
    if revision != script.get_current_head():
        raise SchemaOutdated(database=database.name)


def revisions(database: Database, chain: Chain) -> tuple[str | None, str]:
    """The newest revision that the tables went through, None without any; and the one this program expects."""
    with database.read() as connection:
        found = _revision(connection, chain)
    return found, str(_script(chain).get_current_head())


def _refuse_newer(database: Database, script: ScriptDirectory, revision: str | None) -> None:
    if revision is None:
        return
    try:
        known = script.get_revision(revision)
    except CommandError:
        known = None
    if known is None or known.revision != revision:
        raise SchemaTooNew(database=database.name, revision=revision)


def _revision(connection: sa.Connection, chain: Chain) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": chain.version_table})
    return context.get_current_revision()


def _run(connection: sa.Connection, chain: Chain, script: ScriptDirectory) -> None:
    def missing(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=missing, destination_rev="head") as environment:
        # It finds the transaction open, and then neither commits in between nor begins its own.
        environment.configure(connection=connection, version_table=chain.version_table)
        environment.run_migrations()


@functools.cache
def _script(chain: Chain) -> ScriptDirectory:
    return ScriptDirectory(str(chain.folder))
