"""What is particular to PostgreSQL. What every log does is in tests/contracts, and runs here too."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from cqrs.errors import (
    ConcurrencyError,
    DatabaseBusy,
    DatabaseUnavailable,
    TransactionClash,
    UnsafeDatabase,
    UnsupportedDatabase,
)
from cqrs.identifiers import new_id
from cqrs.readmodels.tables import read
from cqrs.store import postgres
from cqrs.store.database import Database, driver_of
from cqrs.store.opening import open_database
from cqrs.store.postgres_log import APPEND, APPEND_ALONE
from cqrs.store.question import Question
from cqrs.store.records import EventFilter, Expected, IdempotencyKey, NewEvent, StreamAppend, Work
from cqrs.store.schema import MAIN, READ, check, upgrade
from cqrs.store.sql import SqlEventStore
from cqrs.store.tables import main
from tests.postgres import admin_engine, create_database, drop_database
from tests.waiting import wait_until

pytestmark = pytest.mark.postgres


@pytest.fixture(params=["postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(database: Database) -> Iterator[SqlEventStore]:
    store = SqlEventStore(database)
    yield store
    store.close()


def deposited(**changes: object) -> NewEvent:
    facts: dict[str, object] = {
        "type": "Deposited", "schema_version": 1, "data": b'{"amount":"1.00"}', "event_id": new_id(),
        "correlation_id": new_id(), "causation_id": None, "actor": "ada", **changes,
    }  # fmt: skip
    return NewEvent(**facts)  # type: ignore[arg-type]


def at_once(count: int, act: Callable[[int], object]) -> list[object]:
    """What each of `count` threads returned or raised when all began together."""
    ready, results = threading.Barrier(count), list[object]([None] * count)

    def run(n: int) -> None:
        ready.wait()
        try:
            results[n] = act(n)
        except Exception as error:
            results[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# -- opening


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_spelling_of_the_address_opens_the_database(scheme: str, postgres_url: str) -> None:
    database = open_database(scheme + postgres_url.removeprefix("postgresql"), root=Path())
    database.ping()
    assert database.dialect == "postgresql"
    database.dispose()


@pytest.mark.parametrize("url", ["postgresql://user:secret@host:port/app", "postgres://:secret@[::1/app"])
def test_what_cannot_be_an_address_is_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(UnsupportedDatabase) as caught:
        open_database(url, root=Path())
    assert "secret" not in str(caught.value)
    assert "postgresql://user:password@host:port/database" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://localhost:1/app", "refused"),
        ("postgresql://ada:secret@nowhere.invalid/app", "nowhere.invalid"),
        ("postgresql:///app?host=/no/such/folder", "No such file"),
    ],
)
def test_an_unreachable_server_is_one_sentence_without_the_password(url: str, words: str) -> None:
    database = open_database(url, root=Path())
    with pytest.raises(DatabaseUnavailable, match=words) as caught:
        database.ping()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UnsupportedDatabase, match="pip install 'psycopg"):
        open_database("postgresql://localhost/app", root=Path())


def test_our_connections_are_limited_in_time_and_named(database: Database) -> None:
    with database.read() as connection:
        settings = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "timezone")
        }
        name = connection.exec_driver_sql("SHOW application_name").scalar_one()
    assert settings == {
        "lock_timeout": "5s",
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "1min",
        "timezone": "UTC",
    }
    assert name == "projectionist"


def test_parameters_of_the_address_win_over_ours(postgres_url: str) -> None:
    address = sa.make_url(postgres_url).update_query_dict(
        {"application_name": "api-3", "options": "-c statement_timeout=7s"}
    )
    database = open_database(address.render_as_string(hide_password=False), root=Path())
    with database.read() as connection:
        shown = connection.exec_driver_sql(
            "SELECT current_setting('application_name'), current_setting('statement_timeout')"
        ).one()
    database.dispose()
    assert tuple(shown) == ("api-3", "7s")


def test_the_self_test_passes_on_a_server_as_it_comes(database: Database) -> None:
    database.self_test()


def test_a_database_that_is_not_in_utf8_is_refused() -> None:
    with admin_engine().connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    url = sa.make_url(create_database())
    database = open_database(url.set(database="latin").render_as_string(hide_password=False), root=Path())
    try:
        with pytest.raises(UnsafeDatabase, match="LATIN1"):
            database.self_test()
    finally:
        database.dispose()
        drop_database(database.url)
        drop_database(url.render_as_string(hide_password=False))


# -- transactions


def test_a_read_sees_one_moment_and_writes_nothing(database: Database, store: SqlEventStore) -> None:
    count = "SELECT count(*) FROM events"
    with database.read() as connection:
        assert connection.exec_driver_sql(count).scalar_one() == 0
        store.append("account-1", [deposited()])
        assert connection.exec_driver_sql(count).scalar_one() == 0
        with pytest.raises(sa.exc.InternalError, match="read-only"):
            connection.exec_driver_sql("DELETE FROM idempotency")


def test_the_clock_of_the_server_goes_on_within_a_transaction(database: Database) -> None:
    with database.write() as connection:
        first, second = database.now(connection), database.now(connection)
    assert first < second
    assert str(first.tzinfo) == "UTC"


@pytest.mark.parametrize("durable", [True, False])
def test_only_what_may_be_lost_is_not_waited_for(database: Database, durable: bool) -> None:
    with database.write(durable=durable) as connection:
        waits = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
    assert waits == ("on" if durable else "off")
    with database.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


def _end_all_connections(database: Database) -> None:
    name = database.engine.url.database
    with admin_engine().connect() as connection:
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )


def test_a_connection_that_breaks_is_one_sentence_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable, match="terminat"), database.write() as connection:  # noqa: PT012
        connection.exec_driver_sql("SELECT 1")
        _end_all_connections(database)
        connection.exec_driver_sql("SELECT 1")
    database.ping()


def test_a_connection_that_breaks_under_the_drivers_cursor_is_replaced_too(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable), database.read() as connection:  # noqa: PT012
        driver_of(connection).execute("SELECT 1")
        _end_all_connections(database)
        driver_of(connection).execute("SELECT 1")
    database.ping()


def test_after_a_question_that_broke_no_other_connection_of_before_is_used(database: Database) -> None:
    with database.read(), database.read(), database.read():
        pass  # three that wait for the next
    _end_all_connections(database)
    with pytest.raises(DatabaseUnavailable):
        database.ask(Question(sa.select(sa.literal(1).label("one"))))
    with database.read() as one, database.read() as another, database.read() as third:
        for each in (one, another, third):
            assert each.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_a_connection_that_broke_while_idle_is_noticed_before_it_is_used(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.ping()
    _end_all_connections(database)
    monkeypatch.setattr(postgres, "_PING_AFTER_IDLE_SECONDS", 0.0)
    database.ping()


def test_waiting_too_long_for_a_lock_is_one_sentence(database: Database, new_database: Callable[[], Database]) -> None:
    with database.write() as holder:
        holder.exec_driver_sql("LOCK TABLE throttle")
        with pytest.raises(DatabaseBusy, match="try again"), new_database().write() as connection:  # noqa: PT012
            connection.exec_driver_sql("SET LOCAL lock_timeout TO '20ms'")
            connection.exec_driver_sql("SELECT * FROM throttle")


def test_a_deadlock_is_one_sentence_for_the_one_that_gives_way(database: Database) -> None:
    with database.write() as connection:
        for scope in ("a", "b"):
            connection.exec_driver_sql("INSERT INTO throttle VALUES (%s, 0, now())", (scope,))
    both_hold_one = threading.Barrier(2)

    def lock(n: int) -> None:
        with database.write() as connection:
            connection.exec_driver_sql("SET LOCAL deadlock_timeout TO '10ms'")
            for step in (n, 1 - n):
                connection.exec_driver_sql("SELECT FROM throttle WHERE scope = %s FOR UPDATE", ("ab"[step],))
                if step == n:
                    both_hold_one.wait()

    results = at_once(2, lock)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", TransactionClash.__name__]


def test_threads_that_migrate_at_once_take_turns(postgres_url: str) -> None:
    databases = [open_database(postgres_url, root=Path()) for _ in range(3)]
    assert at_once(3, lambda n: upgrade(databases[n], MAIN)) == [None, None, None]
    for database in databases:
        check(database, MAIN)
        database.dispose()


def test_a_migration_waits_for_the_one_of_another_process(postgres_url: str) -> None:
    first, second = (open_database(postgres_url, root=Path()) for _ in range(2))
    with first.write() as connection:
        first.begin_migration(connection)
        waiting = threading.Thread(target=upgrade, args=(second, MAIN))
        waiting.start()
        wait_until(lambda: _waiters(connection) == 1)
    waiting.join()
    check(second, MAIN)
    first.dispose()
    second.dispose()


def _waiters(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one())


def test_the_migrated_tables_are_those_of_the_program(database: Database) -> None:
    for package in (
        "cqrs.operators.tables",
        "cqrs.workers.tables",
        "cqrs.workers.operation_tables",
        "cqrs.drift.tables",
    ):
        importlib.import_module(package)

    def ours(thing: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
        # Tables of the tracker and of Alembic are no concern of the program; indexes of the log differ by intent.
        if kind == "table":
            return name not in ("order_progress", "dead_positions", MAIN.version_table, READ.version_table)
        return kind != "index" or getattr(getattr(thing, "table", None), "name", "") != "events"

    with database.read() as connection:
        options = {"compare_type": True, "include_object": ours}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), [main, read])
    assert differences == []


def test_every_index_of_the_log_ends_in_the_position(database: Database) -> None:
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'events' AND indexname LIKE 'ix%%'"
        ).all()
    assert {name for name, _ in rows} == {
        "ix_events_type",
        "ix_events_correlation_id",
        "ix_events_causation_id",
        "ix_events_actor",
        "ix_events_category",
    }
    assert all(text.endswith(', "position")') for _, text in rows)


# -- the log


ALONE = {"stream": "account-1", "rows": "[]", "lowest": 0, "highest": 9}


@pytest.mark.parametrize(("statement", "values"), [(APPEND, ("[]",)), (APPEND_ALONE, ALONE)])
def test_positions_are_drawn_after_the_lock_is_held(database: Database, statement: str, values: Any) -> None:
    with database.read() as connection:
        plan = driver_of(connection).execute("EXPLAIN (VERBOSE, COSTS OFF) " + statement, values).fetchall()
    lines = [row[0] for row in plan]
    drawn = next(n for n, line in enumerate(lines) if "nextval(" in line)
    scanned = next(n for n, line in enumerate(lines) if "CTE Scan on ordered" in line)
    assert drawn < scanned


def test_a_foreign_writer_cannot_choose_a_position(database: Database, store: SqlEventStore) -> None:
    store.append("account-1", [deposited()])
    copy = "INSERT INTO events SELECT position + 1, stream, version + 1 FROM events"
    with pytest.raises(sa.exc.ProgrammingError, match="GENERATED ALWAYS"), database.write() as connection:
        connection.exec_driver_sql(copy)


def test_appends_that_expect_nothing_never_lose_a_race(store: SqlEventStore) -> None:
    def append_ten(_: int) -> list[int]:
        return [store.append("account-1", [deposited()])[0].version for _ in range(10)]

    versions = [version for result in at_once(6, append_ten) for version in result]  # type: ignore[attr-defined]
    assert sorted(versions) == list(range(1, 61))


def test_of_appends_that_expect_the_same_version_one_succeeds(store: SqlEventStore) -> None:
    results = at_once(8, lambda _: store.append("account-1", [deposited()], expected=Expected.NO_STREAM))
    lost = [result for result in results if isinstance(result, ConcurrencyError)]
    assert len(lost) == 7
    assert {error.actual for error in lost} == {1}
    assert store.stream_version("account-1") == 1


def test_commits_that_write_two_streams_in_opposite_order_all_succeed(store: SqlEventStore) -> None:
    def commit(n: int) -> None:
        for _ in range(5):
            streams = ("account-1", "account-2")[:: 1 if n % 2 else -1]
            appends = tuple(StreamAppend(stream=stream, events=(deposited(),)) for stream in streams)
            store.commit(Work(command_id=new_id(), correlation_id=new_id(), appends=appends))

    assert at_once(4, commit) == [None] * 4
    assert [store.stream_version(stream) for stream in ("account-1", "account-2")] == [20, 20]


def test_of_requests_with_one_idempotency_key_one_has_an_effect(store: SqlEventStore) -> None:
    key = IdempotencyKey(actor="ada", command="Deposit", key="k", body_hash="h")

    def commit(n: int) -> object:
        command = new_id()
        append = StreamAppend(stream="account-1", events=(deposited(causation_id=command),))
        work = Work(command_id=command, correlation_id="", appends=(append,), key=key, result={"by": n})
        return store.commit(work)

    results = at_once(8, commit)
    repeated = [result.repeated for result in results if result.repeated]  # type: ignore[attr-defined]
    assert len(repeated) == 7
    assert len({answer.command_id for answer in repeated}) == 1
    assert all(len(answer.events) == 1 for answer in repeated)
    assert store.stream_version("account-1") == 1


def test_an_append_to_one_stream_needs_no_transaction_of_several_statements(
    store: SqlEventStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Database) -> None:
        raise AssertionError("a transaction of several statements was opened")

    monkeypatch.setattr(type(database), "write", refuse)
    assert [event.version for event in store.append("account-1", [deposited(), deposited()], expected=0)] == [1, 2]
    assert [event.version for event in store.append("account-1", [deposited()], expected=2)] == [3]


def test_appends_without_waiting_for_the_disk_take_the_way_that_can(store: SqlEventStore, database: Database) -> None:
    with database.relaxed():
        assert store.append("account-1", [deposited()])[0].version == 1


def test_a_connection_that_breaks_during_an_append_is_one_sentence_and_the_next_one_works(
    store: SqlEventStore, database: Database
) -> None:
    store.append("account-1", [deposited()])
    _end_all_connections(database)
    with pytest.raises(DatabaseUnavailable):
        store.append("account-1", [deposited()])
    assert store.append("account-1", [deposited()])[0].version == 2


def test_a_dry_run_draws_no_position(store: SqlEventStore) -> None:
    append = StreamAppend(stream="account-1", events=(deposited(),))
    store.commit(Work(command_id="", correlation_id="", appends=(append,)), dry_run=True)
    assert store.append("account-1", [deposited()])[0].position == 1


def test_the_safe_head_stops_below_an_open_append_and_a_wait_ends_with_it(
    database: Database, store: SqlEventStore
) -> None:
    slow = psycopg.connect(database.url)
    slow.execute(APPEND, (_rows("slow"),))
    store.append("account-1", [deposited()])
    assert (store.safe_head(), store.head()) == (0, 2)
    assert not store.wait_beyond(0, 0.02)
    waited: list[int] = []
    waiting = threading.Thread(target=lambda: waited.append(store.wait_beyond(0, 10)))
    waiting.start()
    report = store.order()
    assert report is not None
    assert (report.safe_head, report.head, report.waiting) == (0, 2, 1)
    assert [holder.pid for holder in report.holders] == [slow.info.backend_pid]
    slow.commit()
    slow.close()
    waiting.join()
    assert waited == [2]
    assert store.safe_head() == 2


def _rows(stream: str) -> str:
    columns = {"stream": stream, "version": 1, "type": "T", "schema_version": 1, "data": "{}", "metadata": "{}"}
    ids = {"event_id": new_id(), "correlation_id": "c", "actor": "psql", "recorded_at": "2026-01-01T00:00:00Z"}
    return msgspec.json.encode([{"n": 0, **columns, **ids}]).decode()


def test_an_append_of_another_process_ends_a_wait(store: SqlEventStore, new_database: Callable[[], Database]) -> None:
    waited: list[int] = []
    waiting = threading.Thread(target=lambda: waited.append(store.wait_beyond(0, 10)))
    waiting.start()
    SqlEventStore(new_database()).append("account-1", [deposited()])
    waiting.join()
    assert waited == [1]


def test_lists_are_planned_for_their_values_and_never_prepared(database: Database, store: SqlEventStore) -> None:
    store.append("account-1", [deposited()])
    for _ in range(10):
        store.read_back(where=EventFilter(types=("Deposited",)))
    with database.read() as connection:
        prepared = connection.exec_driver_sql("SELECT statement FROM pg_prepared_statements").scalars().all()
    assert not [each for each in prepared if each.startswith("SELECT") and "recorded_at" in each]


@pytest.mark.parametrize("text", ["50%", "_x", ":name", "%(name)s", 'say "hi"', "back\\slash", "É"])
def test_text_is_found_as_it_is_whatever_the_driver_makes_of_it(text: str, store: SqlEventStore) -> None:
    store.append("note-1", [deposited(data=b'{"text":"none of it"}')])
    store.append("note-1", [deposited(data=msgspec.json.encode({"text": f"-{text}-"}))])
    assert [event.version for event in store.read_back(where=EventFilter(text=text))] == [2]


def test_streams_sort_by_code_points_whatever_the_locale_of_the_database_is(database: Database) -> None:
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT column_name, collation_name FROM information_schema.columns "
            "WHERE table_name = 'events' AND column_name IN ('stream', 'type')"
        ).all()
    assert {tuple(row) for row in rows} == {("stream", "C"), ("type", "C")}
