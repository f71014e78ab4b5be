"""The database goes away and comes back, or its disk is full for a while: said so, and over by itself."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import sqlalchemy as sa

from cqrs.errors import CqrsError, DatabaseUnavailable, DiskFull
from cqrs.identifiers import new_id
from cqrs.runtime import Runtime, build_runtime
from cqrs.settings import load_settings
from cqrs.store.database import Database
from cqrs.store.records import NewEvent
from cqrs.workers.worker import Worker
from tests.library import BookLent, library
from tests.postgres import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SECRET = "a long key that only these tests sign with"
RECOVERY_SECONDS = 30.0


def open_runtime(root: Path, database_url: str) -> Runtime:
    overrides = {"DEMO": False, "SECRET_KEY": SECRET, "DATABASE_URL": database_url}
    runtime = build_runtime(load_settings({}, root=root, overrides=overrides), [library])
    runtime.init()
    return runtime


def lend(runtime: Runtime, times: int = 1) -> int:
    """Lends a book; returns the position of the last time."""
    name, version, data = runtime.types.encode(BookLent(book_id="b1", reader="Ada"))
    facts = {"type": name, "schema_version": version, "data": data, "causation_id": None, "actor": "ana"}
    events = [NewEvent(event_id=new_id(), correlation_id="visit", **facts) for _ in range(times)]  # type: ignore[arg-type]
    return runtime.events.append("book-b1", events)[-1].position


def caught_up(runtime: Runtime) -> bool:
    """The worker is at the end of the log, and shows signs of life."""
    try:
        status = runtime.projections.status("lent_books")
    except CqrsError:
        return False
    return status.checkpoint == runtime.events.head() and status.state == "running" and runtime.ready().ok


def counted(runtime: Runtime) -> int:
    """How often the book was lent, as the read model knows it."""
    with runtime.read.read() as connection:
        return int(connection.exec_driver_sql("SELECT times FROM lent_books WHERE book_id = 'b1'").scalar_one())


@pytest.mark.postgres
def test_a_server_that_was_away_is_found_again_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    runtime = open_runtime(tmp_path, server.create_database("library"))
    lend(runtime)
    worker = Worker(runtime)
    worker.start()
    try:
        wait_until(lambda: caught_up(runtime), RECOVERY_SECONDS)
        server.stop()
        wait_until(lambda: not runtime.ready().ok, RECOVERY_SECONDS)
        (reason,) = runtime.ready().reasons
        assert "cannot be used" in reason
        assert "Check its address (DATABASE_URL" in reason
        with pytest.raises(DatabaseUnavailable):
            lend(runtime)
        wait_until(lambda: "lent_books waits" in caplog.text, RECOVERY_SECONDS)
        server.start()
        wait_until(lambda: runtime.ready().ok, RECOVERY_SECONDS)
        lend(runtime, 2)
        wait_until(lambda: caught_up(runtime), RECOVERY_SECONDS)
        assert counted(runtime) == 3
        assert runtime.projections.parked("lent_books").items == []
    finally:
        worker.stop()
        runtime.close()
        server.stop()


class Disk(Protocol):
    """One that can be filled up; the database lies on it."""

    root: Path
    #: Whether it has no room for what changes in place either.
    stops_workers: bool

    def fill(self, database: Database) -> None: ...

    def free(self, database: Database) -> None: ...


class SmallFileSystem:
    """A file system in memory, of few megabytes, and a file that takes all that is left of it."""

    stops_workers = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    def fill(self, database: Database) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    pass

    def free(self, database: Database) -> None:
        self._ballast.unlink()


class PageLimit:
    """Where no file system may be mounted: SQLite itself refuses to let the file grow, with the same error."""

    stops_workers = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self._limit = 2**30
        self._watched: Database | None = None

    def fill(self, database: Database) -> None:
        self._limit = 1  # which means: no more than there are
        sa.event.listen(database.engine, "connect", self._apply)
        database.dispose()

    def free(self, database: Database) -> None:
        self._limit = 2**30
        database.dispose()

    def _apply(self, driver: Any, _record: object) -> None:
        driver.execute(f"PRAGMA max_page_count={self._limit}")


def mount(root: Path, size: str) -> bool:
    if os.geteuid() != 0:
        return False
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", root], capture_output=True, check=False
    )
    return done.returncode == 0


@pytest.fixture(params=["a file system without room", "a file that may not grow"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """Where nothing may be mounted, both are the second: it needs nobody's leave."""
    root = tmp_path / "disk"
    root.mkdir()
    mounted = request.param == "a file system without room" and mount(root, "6m")
    print(f"mounted: {mounted}")  # noqa: T201  # shown when the test fails
    yield SmallFileSystem(root) if mounted else PageLimit(root)
    if mounted:
        ctypes.CDLL(None).umount2(os.fsencode(root), 2)  # lazily: a connection may still be closing


def append_until_refused(runtime: Runtime) -> CqrsError:
    """Appends acknowledged on the way count; the refusal is returned."""
    for _ in range(10_000):
        try:
            lend(runtime, 20)
        except CqrsError as error:
            return error
    raise AssertionError("The disk never becomes full.")


def test_a_full_disk_is_said_and_over_when_there_is_room_again(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    runtime = open_runtime(disk.root, "sqlite:///main.db")
    lend(runtime)
    worker = Worker(runtime)
    worker.start()
    try:
        wait_until(lambda: caught_up(runtime), RECOVERY_SECONDS)
        disk.fill(runtime.main)
        refused = append_until_refused(runtime)
        assert isinstance(refused, DiskFull), refused
        assert "Nothing was written; free some space" in str(refused)
        logged = runtime.events.head()  # what is there can still be read
        assert counted(runtime) > 0
        if disk.stops_workers:
            wait_until(lambda: "is full" in caplog.text, RECOVERY_SECONDS)
        disk.free(runtime.main)
        wait_until(lambda: lend(runtime) == logged + 1, RECOVERY_SECONDS)
        wait_until(lambda: caught_up(runtime), RECOVERY_SECONDS)
        assert counted(runtime) == runtime.events.head()
        assert runtime.projections.parked("lent_books").items == []
        with runtime.main.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    finally:
        worker.stop()
        runtime.close()
