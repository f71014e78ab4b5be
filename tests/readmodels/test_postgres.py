"""Read models on PostgreSQL: the contract, and what only this database does or does differently."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import pytest
import sqlalchemy as sa

from cqrs.errors import Fenced, RowsRefused
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import READ, upgrade
from tests.contracts.read_model_store import ReadModelStoreContract
from tests.postgres import create_database, drop_database

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def template() -> Iterator[str]:
    url = create_database()
    database = open_database(url, root=Path())
    upgrade(database, READ)
    database.dispose()
    yield str(sa.make_url(url).database)
    drop_database(url)


@pytest.fixture
def database(template: str) -> Iterator[Database]:
    url = create_database(template)
    database = open_database(url, root=Path())
    yield database
    database.dispose()
    drop_database(url)


@pytest.fixture
def store(database: Database) -> SqlReadModelStore:
    return SqlReadModelStore(database)


class TestPostgresReadModelStore(ReadModelStoreContract):
    @pytest.fixture
    def expire(self, database: Database) -> Callable[[], None]:
        def run_out() -> None:
            with database.write() as connection:
                connection.exec_driver_sql("UPDATE generations SET lease_until = '2000-01-01T00:00:00Z'")

        return run_out


everything = RowModel(
    sa.Table(
        "everything",
        sa.MetaData(),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("short", sa.String(3)),
        sa.Column("price", Money()),
        sa.Column("at", UtcDateTime()),
        sa.Column("day", sa.Date),
        sa.Column("count", sa.BigInteger),
        sa.Column("small", sa.SmallInteger),
        sa.Column("ratio", sa.Double),
        sa.Column("done", sa.Boolean),
        sa.Column("ref", sa.Uuid),
        sa.Column("notes", sa.JSON),
    )
)
VALUES: dict[str, Any] = {
    "short": "'\\",
    "price": Decimal("9999999999999.99"),
    "at": datetime(2026, 1, 31, 12, 30, 0, 1, tzinfo=UTC),
    "day": date(2026, 2, 28),
    "count": 2**63 - 1,
    "small": -32768,
    "ratio": 0.1 + 0.2,
    "done": False,
    "ref": UUID(int=7),
    "notes": {"a": [1, 1.0, "%s", None], "b": '"'},
}


def held(store: SqlReadModelStore, model: RowModel) -> Generation:
    generation = store.ensure(model, shape="s", logic="l")
    taken = store.acquire(model.name, generation.number, owner="test")
    assert taken is not None
    return taken


def write(store: SqlReadModelStore, model: RowModel, *rows: tuple[Any, dict[str, Any]]) -> None:
    generation = held(store, model)
    target = store.rows(model, generation.number)
    made = [model.new_row(key) for key, _ in rows]
    for row, (_, values) in zip(made, rows, strict=True):
        row._pos = 1
        for name, value in values.items():
            setattr(row, name, value)
    packed = target.pack([key for key, _ in rows], made)
    target.commit(generation, Batch(position=generation.position + 1, event_id="e", upserts=packed))


def test_values_of_every_type_come_back_as_they_were(store: SqlReadModelStore) -> None:
    write(store, everything, ("full", VALUES), ("empty", {}))
    loaded = store.rows(everything, 1).load(["full", "empty"])
    found = {name: getattr(loaded.rows["full"], name) for name in VALUES}
    assert found == VALUES
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in VALUES.items()}
    assert all(getattr(loaded.rows["empty"], name) is None for name in VALUES)


def test_a_value_the_column_is_too_short_for_is_refused_not_cut(database: Database, store: SqlReadModelStore) -> None:
    generation = held(store, everything)
    rows = store.rows(everything, generation.number)
    batch = Batch(position=1, event_id="e", upserts=[("x", "four", *[None] * 9, 1)])
    with pytest.raises(RowsRefused, match="too long"):
        rows.commit(generation, batch)


pairs = RowModel(
    sa.Table(
        "pairs",
        sa.MetaData(),
        sa.Column("shop", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("total", sa.BigInteger),
    )
)


def test_rows_with_composite_keys_are_loaded_and_deleted_by_whole_keys(store: SqlReadModelStore) -> None:
    days = [date(2026, 1, 1), date(2026, 1, 2)]
    write(store, pairs, *((("a", day), {"total": 1}) for day in days), (("b", days[0]), {"total": 2}))
    rows = store.rows(pairs, 1)
    assert set(rows.load([("a", days[0]), ("b", days[1])]).rows) == {("a", days[0])}
    generation = held(store, pairs)
    rows.commit(generation, Batch(position=5, event_id="e", deletes=[("a", days[0])]))
    assert rows.count(10) == 2


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO pairs VALUES ('x', '2026-01-01', 1)", "UPDATE pairs SET total = 0", "DELETE FROM pairs"],
)
def test_the_view_refuses_writes(statement: str, database: Database, store: SqlReadModelStore) -> None:
    write(store, pairs, (("a", date(2026, 1, 1)), {"total": 1}))
    with pytest.raises(sa.exc.IntegrityError, match="made from events"), database.write() as connection:
        connection.exec_driver_sql(statement)


def test_keys_of_the_table_sort_by_code_points(database: Database, store: SqlReadModelStore) -> None:
    write(store, everything, *((key, {}) for key in ("b", "B", "ä", "a", "Z", "_")))
    with database.read() as connection:
        sorted_there = connection.exec_driver_sql("SELECT id FROM everything ORDER BY id").scalars().all()
    assert sorted_there == ["B", "Z", "_", "a", "b", "ä"]


def foreign_writes(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT projection, generation, key, kind FROM foreign_writes ORDER BY id, key"
        )
        return [tuple(row) for row in rows]


def test_what_we_write_is_not_foreign(database: Database, store: SqlReadModelStore) -> None:
    day = date(2026, 1, 1)
    write(store, pairs, (("a", day), {"total": 1}))
    generation = held(store, pairs)
    store.rows(pairs, 1).commit(generation, Batch(position=7, event_id="e", deletes=[("a", day)]))
    assert foreign_writes(database) == []


def test_foreign_writes_are_noticed_with_the_keys_they_concern(database: Database, store: SqlReadModelStore) -> None:
    write(store, pairs, (("a", date(2026, 1, 1)), {"total": 1}), (("b", date(2026, 1, 1)), {"total": 1}))
    for statement in (
        "INSERT INTO pairs__g1 (shop, day, total) VALUES ('new', '2026-01-01', 1)",
        "UPDATE pairs__g1 SET total = 9 WHERE shop = 'a'",
        "UPDATE pairs__g1 SET shop = 'moved' WHERE shop = 'a'",
        "DELETE FROM pairs__g1 WHERE shop = 'b'",
    ):
        with database.write() as connection:
            connection.exec_driver_sql(statement)
    assert foreign_writes(database) == [
        ("pairs", 1, '["new","2026-01-01"]', "insert"),
        ("pairs", 1, '["a","2026-01-01"]', "update"),
        ("pairs", 1, '["a","2026-01-01"]', "update"),
        ("pairs", 1, '["moved","2026-01-01"]', "update"),
        ("pairs", 1, '["b","2026-01-01"]', "delete"),
    ]


def test_a_tool_that_knows_only_the_table_may_write_it_and_is_noticed(
    database: Database, store: SqlReadModelStore
) -> None:
    write(store, everything, ("a", {}))
    role = f"tool_{database.engine.url.database}"
    with database.write() as connection:
        connection.exec_driver_sql(f'CREATE ROLE "{role}" LOGIN')
        connection.exec_driver_sql(f'GRANT SELECT, UPDATE ON everything__g1 TO "{role}"')
    tool = sa.create_engine(database.engine.url.set(username=role))
    try:
        with tool.begin() as connection:
            connection.exec_driver_sql("SET search_path TO pg_catalog")
            connection.exec_driver_sql("UPDATE public.everything__g1 SET count = 1")
    finally:
        tool.dispose()
        with database.write() as connection:
            connection.exec_driver_sql(f'DROP OWNED BY "{role}"')
            connection.exec_driver_sql(f'DROP ROLE "{role}"')
    assert foreign_writes(database) == [("everything", 1, "a", "update")]


def test_processes_that_start_together_make_one_generation(database: Database) -> None:
    stores = [SqlReadModelStore(open_database(database.url, root=Path())) for _ in range(4)]
    ready, made = threading.Barrier(4), list[Any]()

    def ensure(store: SqlReadModelStore) -> None:
        ready.wait()
        try:
            made.append(store.ensure(pairs, shape="s", logic="l").number)
        except Exception as error:
            made.append(error)

    threads = [threading.Thread(target=ensure, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store._database.dispose()
    assert made == [1, 1, 1, 1]


def test_a_batch_of_rows_is_one_statement_that_leaves_the_connection_as_it_was(
    store: SqlReadModelStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = RowModel(sa.Table("shelves", sa.MetaData(), sa.Column("id", sa.Text, primary_key=True)))
    store.ensure(model, shape="s", logic="l")
    held = store.acquire("shelves", 1, owner="w1")
    assert held is not None
    rows = store.rows(model, 1)
    packed = rows.pack(["a"], [model.new_row("a")])

    def refuse(*, durable: bool = True) -> NoReturn:
        raise AssertionError("It began a transaction.")

    with monkeypatch.context() as alone:
        alone.setattr(database, "write", refuse)
        moved = rows.commit(held, Batch(position=4, event_id="e4", upserts=packed))
    assert rows.count(9) == 1
    with pytest.raises(Fenced):
        rows.commit(held, Batch(position=5, event_id="e5", upserts=rows.pack(["b"], [model.new_row("b")])))
    with pytest.raises(Fenced):
        rows.commit(held, Batch(position=5, event_id="e5"))
    assert rows.count(9) == 1
    assert rows.commit(moved, Batch(position=6, event_id="e6")).position == 6
    with database.write() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


@pytest.mark.parametrize(
    "key", ["plain", 'a "quoted" one', "back\\slash", "{braces, and a comma}", "NULL", "", "two\nlines", "Zoë 🦉"]
)
def test_rows_are_found_by_whatever_their_keys_are(store: SqlReadModelStore, key: str) -> None:
    model = RowModel(sa.Table("shelves", sa.MetaData(), sa.Column("id", sa.Text, primary_key=True)))
    store.ensure(model, shape="s", logic="l")
    held = store.acquire("shelves", 1, owner="w1")
    assert held is not None
    rows = store.rows(model, 1)
    held = rows.commit(held, Batch(position=1, event_id="e1", upserts=rows.pack([key], [model.new_row(key)])))
    assert list(rows.load([key, "another"]).rows) == [key]
    rows.commit(held, Batch(position=2, event_id="e2", deletes=[key]))
    assert rows.is_empty()
