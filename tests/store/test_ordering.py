"""How far readers may go on PostgreSQL: open, committed and rolled back appends, one by one."""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
import pytest
import sqlalchemy as sa

from cqrs.errors import UnsafeDatabase
from cqrs.store.order_report import report_order
from cqrs.store.ordering import EXCLUSIVE_LOCK, SafeHead
from tests.postgres import create_database, drop_database
from tests.store.bare_log import APPEND, Writer, create_bare_log
from tests.waiting import wait_until

pytestmark = pytest.mark.postgres


def stored(engine: sa.Engine) -> list[tuple[int, int]]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT safe_head, dead FROM order_progress")
        return [tuple(row) for row in rows]


def dead_ranges(engine: sa.Engine) -> list[tuple[int, int]]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT first_position, last_position FROM dead_positions ORDER BY 1")
        return [tuple(row) for row in rows]


def test_an_empty_log_has_the_safe_head_zero(tracker: SafeHead) -> None:
    assert tracker.advance() == 0


def test_committed_appends_without_a_hole_are_safe_at_once(tracker: SafeHead, writer: Callable[..., Writer]) -> None:
    first, second = writer(), writer()
    first.append_and_commit(3)
    second.append_and_commit(2)
    assert tracker.advance() == 5


def test_an_open_append_below_a_committed_one_holds_the_order(tracker: SafeHead, writer: Callable[..., Writer]) -> None:
    slow, fast = writer(), writer()
    fast.append_and_commit()
    slow.append()
    fast.append_and_commit()
    assert [tracker.advance() for _ in range(3)] == [1, 1, 1]
    slow.commit()
    assert tracker.advance() == 3


def test_positions_of_a_rolled_back_append_are_passed_and_counted_as_dead(
    tracker: SafeHead, writer: Callable[..., Writer], engine: sa.Engine
) -> None:
    slow, fast = writer(), writer()
    slow.append(2)
    fast.append_and_commit()
    assert tracker.advance() == 0
    slow.rollback()
    assert tracker.advance() == 3
    assert tracker.dead == 2
    assert dead_ranges(engine) == [(1, 2)]
    assert stored(engine) == [(3, 2)]


def test_dead_positions_at_the_end_are_no_hole(tracker: SafeHead, writer: Callable[..., Writer]) -> None:
    one = writer()
    one.append_and_commit()
    one.append(5)
    one.rollback()
    assert tracker.advance() == 1
    assert report_order(tracker._engine, tracker).waiting == 0


def test_an_append_that_began_after_the_hole_was_seen_does_not_keep_it_open(
    tracker: SafeHead, writer: Callable[..., Writer]
) -> None:
    slow, fast, later = writer(), writer(), writer()
    slow.append()
    fast.append_and_commit()
    assert tracker.advance() == 0
    later.append()
    slow.rollback()
    assert tracker.advance() == 2
    later.commit()
    assert tracker.advance() == 3


def test_two_holes_are_passed_one_after_the_other(tracker: SafeHead, writer: Callable[..., Writer]) -> None:
    first, second, fast = writer(), writer(), writer()
    first.append()
    fast.append_and_commit()
    assert tracker.advance() == 0
    second.append()
    fast.append_and_commit()
    first.rollback()
    assert tracker.advance() == 2
    second.commit()
    assert tracker.advance() == 4


def test_a_hole_is_judged_by_a_snapshot_taken_after_its_owners_ended(
    engine: sa.Engine, writer: Callable[..., Writer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner commits between the look that saw the hole and the reading of the holders."""
    tracker = SafeHead(engine)
    slow, fast = writer(), writer()
    slow.append()
    fast.append_and_commit()
    look = SafeHead._look

    def look_and_then_commit(self: SafeHead, connection: sa.Connection) -> object:
        view = look(self, connection)
        slow.commit()
        return view if view.top == view.solid else type(view)(*_without_holders(view))

    monkeypatch.setattr(SafeHead, "_look", look_and_then_commit)
    assert tracker.advance() == 2
    assert tracker.dead == 0


def _without_holders(view: object) -> list[object]:
    return [frozenset() if name == "holders" else getattr(view, name) for name in view.__slots__]  # type: ignore[attr-defined]


def test_a_savepoint_rolled_back_inside_an_append_leaves_dead_positions_only(
    tracker: SafeHead, writer: Callable[..., Writer]
) -> None:
    one = writer()
    one.append()
    with one.connection.transaction():
        one.append(2)
        raise psycopg.Rollback
    one.append_and_commit()
    assert tracker.advance() == 4
    assert tracker.dead == 2


def test_a_prepared_transaction_holds_the_order_until_it_is_decided(
    tracker: SafeHead, writer: Callable[..., Writer], engine: sa.Engine
) -> None:
    slow, fast = writer(), writer()
    slow.append()
    fast.append_and_commit()
    assert tracker.advance() == 0
    slow.connection.execute("PREPARE TRANSACTION 'import of May'")
    assert [tracker.advance() for _ in range(3)] == [0, 0, 0]
    report = report_order(engine, tracker)
    assert [(h.pid, h.prepared, h.remedy) for h in report.holders] == [
        (None, "import of May", "ROLLBACK PREPARED 'import of May'")
    ]
    with psycopg.connect(_url(engine), autocommit=True) as other:
        other.execute("COMMIT PREPARED 'import of May'")
    assert tracker.advance() == 2
    assert tracker.dead == 0


def _url(engine: sa.Engine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_a_server_in_recovery_passes_no_hole(
    engine: sa.Engine, writer: Callable[..., Writer], tracker: SafeHead
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE FUNCTION pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS 'SELECT true'")
        connection.exec_driver_sql(f'ALTER DATABASE "{engine.url.database}" SET search_path = public, pg_catalog')
    engine.dispose()
    one = writer()
    one.append_and_commit()
    one.append()
    one.rollback()
    one.append_and_commit()
    assert [tracker.advance() for _ in range(3)] == [1, 1, 1]
    assert stored(engine) == []


@pytest.mark.parametrize(("setting", "words"), [("CACHE 20", "cache 20"), ("CYCLE", "cycle True")])
def test_a_sequence_that_hands_out_numbers_out_of_turn_is_refused(
    setting: str, words: str, engine: sa.Engine, tracker: SafeHead
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE events ALTER position SET {setting}")
    with pytest.raises(UnsafeDatabase, match=words):
        tracker.advance()


def test_appends_to_the_log_of_another_database_hold_nothing(tracker: SafeHead, writer: Callable[..., Writer]) -> None:
    other = create_database()
    elsewhere = create_bare_log(other)
    stranger, slow, fast = Writer(other), writer(), writer()
    try:
        stranger.append()
        slow.append()
        fast.append_and_commit()
        assert tracker.advance() == 0
        slow.rollback()
        assert tracker.advance() == 2
    finally:
        stranger.close()
        elsewhere.dispose()
        drop_database(other)


def test_a_transaction_that_did_not_append_holds_nothing(tracker: SafeHead, writer: Callable[..., Writer]) -> None:
    idle, slow, fast = writer(), writer(), writer()
    idle.connection.execute("SELECT pg_current_xact_id()")
    slow.append()
    fast.append_and_commit()
    slow.rollback()
    assert tracker.advance() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO events (writer, number) VALUES (9, 1)",
        "INSERT INTO events (writer, number) SELECT 9, n FROM generate_series(1, 3) AS n",
    ],
)
def test_a_foreign_writer_takes_part_in_the_proof(
    statement: str, tracker: SafeHead, writer: Callable[..., Writer]
) -> None:
    foreign, fast = writer("psql"), writer()
    foreign.connection.execute(statement)
    position = fast.append_and_commit()[0]
    assert [tracker.advance() for _ in range(3)] == [0, 0, 0]
    foreign.commit()
    assert tracker.advance() == position


def test_a_foreign_copy_takes_part_in_the_proof(tracker: SafeHead, writer: Callable[..., Writer]) -> None:
    foreign, fast = writer("psql"), writer()
    with foreign.connection.cursor().copy("COPY events (writer, number) FROM STDIN") as copy:
        copy.write_row((9, 1))
    fast.append_and_commit()
    assert [tracker.advance() for _ in range(3)] == [0, 0, 0]
    foreign.commit()
    assert tracker.advance() == 2


def test_the_lock_is_taken_before_a_position_is_drawn(writer: Callable[..., Writer]) -> None:
    plan = writer().connection.execute("EXPLAIN (VERBOSE, COSTS OFF) " + APPEND, (1, 3)).fetchall()
    lines = [row[0] for row in plan]
    drawn = next(n for n, line in enumerate(lines) if "nextval(" in line)
    scanned = next(n for n, line in enumerate(lines) if "CTE Scan on ordered" in line)
    assert drawn < scanned, "nextval has to sit above the scan of the lock, so that it runs after it"


def test_an_exclusive_holder_keeps_other_appends_out_until_it_ends(
    writer: Callable[..., Writer], tracker: SafeHead
) -> None:
    alone, other = writer(), writer("other")
    alone.connection.execute(f"SELECT {EXCLUSIVE_LOCK}")
    appended = threading.Thread(target=other.append_and_commit)
    appended.start()
    wait_until(lambda: _waiters(alone) == 1)
    assert alone.append_and_commit() == [1]
    appended.join()
    assert tracker.advance() == 2


def test_a_large_backlog_with_old_holes_is_proven_window_by_window(
    engine: sa.Engine, writer: Callable[..., Writer]
) -> None:
    one = writer()
    for _ in range(5):
        one.append_and_commit(30)
        one.append(2)
        one.rollback()
    tracker = SafeHead(engine, window=10)
    assert tracker.advance() == 158
    assert tracker.dead == 8


def test_a_new_process_starts_from_the_stored_safe_head(
    engine: sa.Engine, tracker: SafeHead, writer: Callable[..., Writer]
) -> None:
    one = writer()
    one.append(2)
    one.rollback()
    one.append_and_commit()
    assert tracker.advance() == 3
    successor = SafeHead(engine)
    one.append_and_commit()
    assert successor.advance() == 4
    assert successor.dead == 2


def test_a_tracker_that_is_behind_never_moves_the_stored_safe_head_back(
    engine: sa.Engine, writer: Callable[..., Writer]
) -> None:
    one = writer()
    ahead, behind = SafeHead(engine, store_every=0), SafeHead(engine, store_every=0)
    one.append_and_commit()
    behind.advance()
    one.append_and_commit(4)
    assert ahead.advance() == 5
    behind._safe, behind._stored = 2, 1
    with engine.connect() as connection:
        behind._store(connection.execution_options(isolation_level="AUTOCOMMIT"))
    assert stored(engine) == [(5, 0)]


def test_a_log_shorter_than_what_was_proven_is_proven_anew(
    engine: sa.Engine, tracker: SafeHead, writer: Callable[..., Writer]
) -> None:
    one = writer()
    one.append_and_commit(10)
    assert tracker.advance() == 10
    _restore_older_backup(engine)
    slow = writer()
    slow.append()
    one.append_and_commit()
    assert tracker.advance() == 4
    slow.rollback()
    assert tracker.advance() == 6
    assert stored(engine) == [(6, 1)]


def _restore_older_backup(engine: sa.Engine) -> None:
    """Leave positions 1 to 4, as a restore of the table's data alone does under a running program."""
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE events DISABLE TRIGGER events_refuse_change")
        connection.exec_driver_sql("DELETE FROM events WHERE position > 4")
        connection.exec_driver_sql("ALTER TABLE events ENABLE TRIGGER events_refuse_change")
        connection.exec_driver_sql("ALTER TABLE events ALTER position RESTART WITH 5")


def test_another_server_behind_the_same_name_is_not_trusted_with_what_the_old_one_proved(
    engine: sa.Engine, writer: Callable[..., Writer]
) -> None:
    tracker = SafeHead(engine, store_every=0)
    slow, fast = writer(), writer()
    fast.append_and_commit(3)
    assert tracker.advance() == 3
    tracker._server, tracker._safe = "the primary that is gone, and had proven two positions more", 5
    slow.append()
    fast.append_and_commit()
    assert tracker.advance() == 3
    slow.commit()
    assert tracker.advance() == 5


def _waiters(writer: Writer) -> int:
    row = writer.connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    assert row is not None
    return int(row[0])


def test_threads_that_ask_during_a_look_share_the_next_one(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = SafeHead(engine)
    looking, go_on, looks = threading.Event(), threading.Event(), []

    def slow_look(self: SafeHead, connection: sa.Connection) -> None:
        looks.append(1)
        looking.set()
        go_on.wait(10)

    door = Door()
    monkeypatch.setattr(tracker, "_lock", door)
    monkeypatch.setattr(SafeHead, "_advance", slow_look)
    first = threading.Thread(target=tracker.advance)
    first.start()
    assert looking.wait(10)
    others = [threading.Thread(target=tracker.advance) for _ in range(6)]
    for thread in others:
        thread.start()
    wait_until(lambda: len(door.came) == 7)
    go_on.set()
    for thread in (first, *others):
        thread.join()
    assert len(looks) == 2


class Door:
    """A lock that tells who came to it."""

    def __init__(self) -> None:
        self.came: list[int] = []
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.came.append(threading.get_ident())
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_the_report_names_who_holds_the_order(
    engine: sa.Engine, tracker: SafeHead, writer: Callable[..., Writer]
) -> None:
    slow, fast, bystander = writer("api-3"), writer("api-4"), writer("api-5")
    slow.append()
    fast.append_and_commit(3)
    tracker.advance()
    bystander.append()
    report = report_order(engine, tracker)
    assert (report.head, report.safe_head, report.waiting) == (4, 0, 3)
    [holder] = report.holders
    assert (holder.application, holder.state) == ("api-3", "idle in transaction")
    assert holder.pid == slow.connection.info.backend_pid
    assert holder.remedy == f"SELECT pg_terminate_backend({holder.pid})"
    assert report.sentence is not None
    assert "api-3" in report.sentence
    assert "3 events wait" in report.sentence


def test_nothing_is_said_when_nothing_holds_the_order(
    engine: sa.Engine, tracker: SafeHead, writer: Callable[..., Writer]
) -> None:
    one = writer()
    one.append_and_commit()
    one.append()
    report = report_order(engine, tracker)
    assert (report.holders, report.sentence) == ((), None)


def test_a_role_without_privileges_still_sees_the_holders(engine: sa.Engine, writer: Callable[..., Writer]) -> None:
    role = f"plain_{engine.url.database}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f'CREATE ROLE "{role}" LOGIN')
        connection.exec_driver_sql(f'GRANT SELECT ON events TO "{role}"')
        connection.exec_driver_sql(f'GRANT ALL ON order_progress, dead_positions TO "{role}"')
    plain = sa.create_engine(engine.url.set(username=role))
    try:
        slow, fast = writer("api-3"), writer()
        slow.append()
        fast.append_and_commit()
        tracker = SafeHead(plain)
        assert [tracker.advance(), tracker.advance()] == [0, 0]
        [holder] = report_order(plain, tracker).holders
        assert (holder.application, holder.state, holder.age_seconds) == ("api-3", None, None)
        slow.commit()
        assert tracker.advance() == 2
    finally:
        plain.dispose()
        with engine.begin() as connection:
            connection.exec_driver_sql(f'DROP OWNED BY "{role}"')
            connection.exec_driver_sql(f'DROP ROLE "{role}"')


@pytest.mark.parametrize("change", ["UPDATE events SET writer = 2", "DELETE FROM events", "TRUNCATE events"])
def test_stored_events_cannot_be_changed(change: str, writer: Callable[..., Writer]) -> None:
    one = writer()
    one.append_and_commit()
    with pytest.raises(psycopg.errors.RestrictViolation, match="immutable"):
        one.connection.execute(change)
