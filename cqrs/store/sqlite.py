"""All that is particular to SQLite: how a connection is opened, how transactions begin, what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cqrs.errors import CqrsError, DatabaseBusy, DatabaseUnavailable, DiskFull, UnsupportedDatabase

#: How long a statement waits for a writer in another process.
BUSY_SECONDS = 5.0

#: Execution option of a connection that begins its transactions as a writer.
IMMEDIATE = "sqlite_immediate"

# Only the write gate's own connections may write. To be set once: changing it discards all prepared statements.
_SETTINGS = ("synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-16000", "query_only=ON")


def file_of(url: sa.URL, root: Path) -> Path:
    """The database file; relative paths start at `root`. Raises UnsupportedDatabase for anything but a plain file."""
    name = url.database or ""
    if name in ("", ":memory:") or name.startswith("file:"):
        why = "events must outlive the process, so SQLite needs a plain file such as sqlite:///instance/events.db"
        raise UnsupportedDatabase(url=url.render_as_string(), why=why)
    return root / name


def create_engine(path: Path) -> sa.Engine:
    """An engine in manual transaction mode: BEGIN comes from us, so reads are stable and DDL can be rolled back."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        pool_size=5,
        max_overflow=50,
        pool_timeout=10,
    )
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(driver: Any, _record: object) -> None:
    driver.isolation_level = None
    _use_write_ahead_log(driver)
    for setting in _SETTINGS:
        driver.execute(f"PRAGMA {setting}")


def _use_write_ahead_log(driver: sqlite3.Connection) -> None:
    """Switching needs the file alone, and SQLite does not wait for that by itself when processes start together."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get(IMMEDIATE, False)
    # On the driver's connection: SQLAlchemy's way costs half of a short read. Errors are explained all the same.
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")


def become_writer(driver: sqlite3.Connection, *, durable: bool) -> None:
    """FULL: an acknowledged commit survives a power cut. NORMAL: it may be lost then, but never torn."""
    driver.execute("PRAGMA query_only=OFF")
    driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")


def now(driver: sqlite3.Connection) -> datetime:
    text = driver.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')").fetchone()[0]
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def failure(error: BaseException, path: Path) -> CqrsError | None:
    """What a driver's error means to the user; None when the statement is at fault, not the database."""
    if isinstance(error, sa.exc.TimeoutError):
        return DatabaseUnavailable(database=path, why="all connections of this process are in use")
    if not isinstance(error, sqlite3.DatabaseError) or isinstance(error, sqlite3.IntegrityError):
        return None
    text = str(error)
    if "locked" in text or "busy" in text:
        return DatabaseBusy(database=path)
    if "full" in text:
        return DiskFull(database=path)
    if "unable to open" in text:
        return DatabaseUnavailable(database=path, why=_why_not_opened(path))
    if "readonly" in text and not _may_write(path):
        return DatabaseUnavailable(database=path, why="the file or its folder may not be written")
    if any(sign in text for sign in ("not a database", "malformed", "encrypted")):
        return DatabaseUnavailable(database=path, why="the file is not a readable SQLite database")
    if "disk I/O" in text:
        return DatabaseUnavailable(database=path, why="the disk reports an error")
    return None


def taken_columns(error: BaseException | None) -> frozenset[str]:
    """The columns of the unique constraint that a statement has broken; none when it broke something else."""
    start, _, columns = str(error).partition("UNIQUE constraint failed: ")
    return (
        frozenset(column.partition(".")[2] for column in columns.split(", ")) if columns and not start else frozenset()
    )


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)


def _why_not_opened(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"its folder {folder} does not exist"
    if path.is_dir():
        return "it is a folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"its folder {folder} may not be written"
    return "the file may not be opened"
