"""An SQLite file as a database: stable reads, one writer at a time, nothing half done, errors as sentences."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.errors import DatabaseBusy, DatabaseUnavailable, DiskFull, UnsafeDatabase, UnsupportedDatabase
from cqrs.store import gate, sqlite
from cqrs.store.database import Database, driver_of
from cqrs.store.opening import open_database
from tests.contracts.event_store import at_once

COUNT = "SELECT count(*) FROM notes"


def opened(root: Path, name: str = "notes.db") -> Database:
    return open_database(f"sqlite:///{name}", root=root)


@pytest.fixture
def notes(tmp_path: Path) -> Database:
    """A database with one table."""
    database = opened(tmp_path)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
    return database


def add(database: Database, count: int = 1, **how: bool) -> None:
    with database.write(**how) as connection:
        for _ in range(count):
            connection.exec_driver_sql("INSERT INTO notes (text) VALUES ('note')")


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql(COUNT).scalar_one())


class TestOpening:
    def test_a_relative_path_starts_at_the_root(self, tmp_path: Path) -> None:
        assert opened(tmp_path).path == tmp_path / "notes.db"

    def test_an_absolute_path_stays(self, tmp_path: Path) -> None:
        assert open_database(f"sqlite:///{tmp_path}/a.db", root=Path("/elsewhere")).path == tmp_path / "a.db"

    def test_opening_touches_nothing(self, tmp_path: Path) -> None:
        opened(tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
    def test_a_database_that_dies_with_the_process_is_refused(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(UnsupportedDatabase, match="outlive"):
            open_database(url, root=tmp_path)

    @pytest.mark.parametrize("url", ["", "notes.db", "mysql://ada:secret@host/db", "oracle+nonsense://x"])
    def test_other_databases_are_refused_without_showing_passwords(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(UnsupportedDatabase) as refused:
            open_database(url, root=tmp_path)
        assert "secret" not in str(refused.value)


class TestReading:
    def test_a_read_sees_one_moment(self, notes: Database) -> None:
        add(notes)
        with notes.read() as connection:
            before = connection.exec_driver_sql(COUNT).scalar_one()
            add(notes)
            assert connection.exec_driver_sql(COUNT).scalar_one() == before == 1
        assert count(notes) == 2

    def test_a_read_cannot_write(self, notes: Database) -> None:
        with notes.read() as connection, pytest.raises(sa.exc.OperationalError, match="readonly"):
            connection.exec_driver_sql("INSERT INTO notes (text) VALUES ('sneaked in')")
        add(notes)
        assert count(notes) == 1

    def test_the_clock_is_aware(self, notes: Database) -> None:
        with notes.read() as connection:
            assert notes.now(connection).utcoffset() is not None


class TestWriting:
    def test_an_error_undoes_everything_also_new_tables(self, notes: Database) -> None:
        def fail(connection: sa.Connection) -> None:
            connection.exec_driver_sql("CREATE TABLE drafts (id INTEGER)")
            connection.exec_driver_sql("INSERT INTO notes (text) VALUES ('draft')")
            raise KeyError("the handler is broken")

        with pytest.raises(KeyError), notes.write() as connection:
            fail(connection)
        assert count(notes) == 0
        with notes.read() as connection:
            assert sa.inspect(connection).get_table_names() == ["notes"]
        add(notes)
        assert count(notes) == 1

    def test_a_failed_statement_leaves_a_usable_writer(self, notes: Database) -> None:
        with pytest.raises(sa.exc.OperationalError), notes.write() as connection:
            connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
        add(notes)
        assert count(notes) == 1

    def test_a_writer_that_cannot_roll_back_is_replaced(self, notes: Database) -> None:
        with pytest.raises(sa.exc.ProgrammingError), notes.write() as connection:
            driver_of(connection).close()
        add(notes)
        assert count(notes) == 1

    def test_writers_of_one_process_take_turns(self, notes: Database, tmp_path: Path) -> None:
        others = [notes, opened(tmp_path), opened(tmp_path, "../" + tmp_path.name + "/notes.db")]
        inside: list[int] = []

        def write(n: int) -> None:
            for _ in range(5):
                with others[n % 3].write(durable=False) as connection:
                    inside.append(n)
                    assert len(inside) == 1
                    connection.exec_driver_sql("INSERT INTO notes (text) VALUES ('note')")
                    inside.pop()

        assert at_once(6, write) == [None] * 6
        assert count(notes) == 30

    def test_writing_inside_writing_is_a_mistake_and_no_deadlock(self, notes: Database) -> None:
        with pytest.raises(RuntimeError, match="already inside"), notes.write(), notes.write():
            raise AssertionError("the second transaction must not begin")
        add(notes)

    def test_only_durable_writes_wait_for_the_disk(self, notes: Database) -> None:
        def synchronous(**how: bool) -> object:
            with notes.write(**how) as connection:
                return connection.exec_driver_sql("PRAGMA synchronous").scalar()

        assert (synchronous(), synchronous(durable=False)) == (2, 1)
        with notes.relaxed():
            with notes.relaxed():
                assert synchronous() == 1
            assert synchronous() == 1
        assert synchronous() == 2

    def test_a_disposed_database_opens_again(self, notes: Database) -> None:
        add(notes)
        notes.dispose()
        add(notes)
        assert count(notes) == 2


class TestErrors:
    def test_a_file_locked_by_another_process_is_busy(self, notes: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        other = sqlite3.connect(str(notes.path), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
        impatient = opened(notes.path.parent)
        with pytest.raises(DatabaseBusy, match="locked by another process"):
            add(impatient)
        other.execute("ROLLBACK")
        other.close()
        add(impatient)

    def test_a_gate_that_never_opens_is_busy(self, notes: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gate, "PATIENCE_SECONDS", 0.05)
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with notes.write():
                held.set()
                done.wait(10)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(10)
        with pytest.raises(DatabaseBusy):
            add(notes)
        done.set()
        holder.join()

    def test_a_full_disk_writes_nothing(self, notes: Database) -> None:
        with notes.write() as connection:
            driver_of(connection).execute("PRAGMA max_page_count=4")
        with pytest.raises(DiskFull, match="free some space"):
            add(notes, 2_000)
        assert count(notes) == 0

    def test_errors_of_the_driver_itself_become_sentences_too(self, notes: Database) -> None:
        with notes.write() as connection:
            driver_of(connection).execute("PRAGMA max_page_count=4")

        def pour(driver: Any) -> None:
            for _ in range(2_000):
                driver.execute("INSERT INTO notes (text) VALUES ('note')")

        with pytest.raises(DiskFull), notes.write() as connection:
            pour(driver_of(connection))
        assert count(notes) == 0

    @pytest.mark.parametrize("act", [count, add, Database.ping, Database.self_test], ids=lambda act: act.__name__)
    @pytest.mark.parametrize(
        ("name", "why"), [("missing/a.db", "does not exist"), ("text.db", "not a readable SQLite")]
    )
    def test_an_unusable_file_is_explained(
        self, tmp_path: Path, act: Callable[[Database], object], name: str, why: str
    ) -> None:
        (tmp_path / "text.db").write_text("Dear diary, " * 1_000)
        database = opened(tmp_path, name)
        with pytest.raises(DatabaseUnavailable, match=why):
            getattr(database, act.__name__, lambda: act(database))()

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(DatabaseUnavailable, match="it is a folder"):
            open_database(f"sqlite:///{tmp_path}", root=tmp_path).ping()

    def test_a_broken_statement_stays_what_it_is(self, notes: Database) -> None:
        with pytest.raises(sa.exc.OperationalError, match="no such table"), notes.read() as connection:
            connection.exec_driver_sql("SELECT * FROM nowhere")


class TestSelfTest:
    def test_our_own_settings_pass_and_leave_nothing_behind(self, notes: Database) -> None:
        notes.self_test()
        notes.self_test()
        with notes.read() as connection:
            assert sa.inspect(connection).get_table_names() == ["notes"]

    @pytest.mark.parametrize("setting", ["foreign_keys=OFF", "journal_mode=DELETE"])
    def test_changed_settings_are_found(self, notes: Database, setting: str) -> None:
        sa.event.listen(notes.engine, "connect", lambda driver, _: driver.execute(f"PRAGMA {setting}"))
        notes.dispose()
        with pytest.raises(UnsafeDatabase, match=r"foreign keys|write-ahead"):
            notes.self_test()

    def test_the_drivers_own_transactions_are_found(self, notes: Database) -> None:
        sa.event.remove(notes.engine, "begin", sqlite._begin)
        with pytest.raises(UnsafeDatabase, match="a read sees what was written after it began"):
            notes.self_test()


class TestOpeningTogether:
    """Two processes that switch a new file to write-ahead logging at once are told that it is locked, unasked."""

    class Driver:
        """Refuses the first statements."""

        def __init__(self, refusals: int, reason: str = "database is locked") -> None:
            self.refusals, self.reason = refusals, reason
            self.asked = 0

        def execute(self, statement: str) -> None:
            self.asked += 1
            if self.asked <= self.refusals:
                raise sqlite3.OperationalError(self.reason)

    def test_the_switch_is_tried_again(self) -> None:
        driver: Any = self.Driver(3)
        sqlite._use_write_ahead_log(driver)
        assert driver.asked == 4

    def test_not_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.03)
        driver: Any = self.Driver(1_000)
        with pytest.raises(sqlite3.OperationalError):
            sqlite._use_write_ahead_log(driver)

    def test_not_after_another_error(self) -> None:
        driver: Any = self.Driver(1, "disk I/O error")
        with pytest.raises(sqlite3.OperationalError):
            sqlite._use_write_ahead_log(driver)
        assert driver.asked == 1

    def test_many_threads_may_open_a_new_file_at_once(self, tmp_path: Path) -> None:
        databases = [opened(tmp_path) for _ in range(8)]
        assert at_once(8, lambda n: databases[n].ping()) == [None] * 8
