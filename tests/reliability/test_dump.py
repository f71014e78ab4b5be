"""Dumped and restored into a new cluster: the log is whole and goes on behind its end, and so do the projections."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, READ, upgrade
from tests.postgres import Server
from tests.projections.library import append, borrowed, joined
from tests.reliability.desk import Desk, run_to_end

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.faults]


def dump_and_restore(old: Server, old_url: str, new: Server, new_url: str, file: Path) -> None:
    dump = [old.program("pg_dump"), "--format=custom", f"--file={file}", old_url]
    restore = [new.program("pg_restore"), "--exit-on-error", f"--dbname={new_url}", str(file)]
    for command in (dump, restore):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def open_desk(url: str) -> Desk:
    database = open_database(url, root=Path())
    return Desk(database, database, lease_seconds=0.2)


@pytest.fixture(scope="module")
def servers() -> tuple[Server, Server]:
    """Two clusters. The first has lived longer, so its transaction numbers are higher."""
    old, new = Server(), Server()
    aged = open_database(old.create_database("aged"), root=Path())
    for _ in range(3_000):
        with aged.write(durable=False) as connection:
            connection.exec_driver_sql("SELECT pg_current_xact_id()")
    aged.dispose()
    return old, new


def test_all_events_are_there_and_new_ones_come_after_them(servers: tuple[Server, Server], tmp_path: Path) -> None:
    old, new = servers
    old_url, new_url = old.create_database("shop"), new.create_database("shop")
    migrated = open_database(old_url, root=Path())
    upgrade(migrated, MAIN)
    upgrade(migrated, READ)
    migrated.dispose()
    before = open_desk(old_url)
    append(before.events, *[joined(f"m{n}") for n in range(20)])
    with before.main.engine.connect() as connection:  # a position that no event has
        connection.exec_driver_sql("SELECT nextval(pg_get_serial_sequence('events', 'position'))")
    append(before.events, borrowed("m1"), borrowed("m2"))
    run_to_end(before.projections.runner("members", "worker"))
    append(before.events, borrowed("m3"))
    logged = before.events.read_all()
    before.main.dispose()

    dump_and_restore(old, old_url, new, new_url, tmp_path / "dump")

    after = open_desk(new_url)
    assert after.events.read_all() == logged
    assert after.events.safe_head() == logged[-1].position
    assert append(after.events, borrowed("m1")) > logged[-1].position
    assert after.events.safe_head() == after.events.head()
    after.projections.catch_up()
    status = after.projections.status("members")
    assert (status.failure, status.lag_events) == (None, 0)
    assert after.rows() == after.folded()
    after.main.dispose()
