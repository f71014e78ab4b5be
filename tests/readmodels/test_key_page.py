"""All rows by key come in one statement, and are what several statements in one transaction say."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.errors import InvalidMessage, ReadModelMissing
from cqrs.readmodels import key_page
from cqrs.readmodels.generations import physical_table
from cqrs.readmodels.reading import ReadModels, RowPage
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.shape import shape_of
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.store.database import Database

COUNT = 7
KEYS: dict[str, list[tuple[Any, list[Any]]]] = {
    "text": [(sa.Text(), ["a", "B", "ä", "", "b", "%", "a/b"])],
    "whole": [(sa.BigInteger(), [-1, 2, 2**53 + 1, 0, 7, -(2**62), 10])],
    "day": [(sa.Date(), [date(2026, 1, n + 1) for n in range(COUNT)])],
    "code": [(sa.Uuid(), [uuid.UUID(int=n * 2**120) for n in range(COUNT)])],
    "moment": [(UtcDateTime(), [datetime(2026, 1, n + 1, tzinfo=UTC) for n in range(COUNT)])],
    "two": [(sa.Text(), ["a", "a", "b", "b", "b", "c", "c"]), (sa.BigInteger(), [1, 2, -1, 0, 9, 3, 4])],
}


def model_of(kind: str) -> RowModel:
    """With columns whose names a tuple could not have."""
    keys = [sa.Column(f"k{n}", type_, primary_key=True) for n, (type_, _) in enumerate(KEYS[kind])]
    rest = (sa.Column("class", sa.Text), sa.Column("paid, in all", Money()), sa.Column("count", sa.JSON))
    return RowModel(sa.Table("things", sa.MetaData(), *keys, *rest))


def filled(database: Database, kind: str, number: int = 1, rows: int = COUNT) -> None:
    table = physical_table(model_of(kind), number)
    with database.write() as connection:
        for n in range(rows):
            keys = {f"k{place}": values[n] for place, (_, values) in enumerate(KEYS[kind])}
            rest = {"class": f"c{n}", "paid, in all": n, "count": {"n": n}, "_pos": n + 1}
            connection.execute(sa.insert(table).values(**keys, **rest))


def made(database: Database, kind: str) -> RowModel:
    model = model_of(kind)
    SqlReadModelStore(database).ensure(model, shape=shape_of(model), logic="1")
    filled(database, kind)
    return model


def pages(ask: Any) -> Iterator[RowPage]:
    cursor = None
    while True:
        page = ask("things", cursor=cursor, limit=3)
        yield replace(page, as_of=datetime(2026, 1, 1, tzinfo=UTC))
        cursor = page.next
        if cursor is None:
            return


@pytest.mark.parametrize("kind", list(KEYS))
def test_it_says_what_several_statements_say(database: Database, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(database, kind)
    known = ReadModels(database, [model])
    known.page("things")
    answered: list[bool] = []
    asked = key_page.key_page

    def noted(*arguments: Any) -> Any:
        found = asked(*arguments)
        answered.append(found is not None)
        return found

    monkeypatch.setattr("cqrs.readmodels.reading.key_page", noted)
    at_once = list(pages(known.page))
    assert answered == [True] * 3
    assert at_once == list(pages(lambda *a, **k: ReadModels(database, [model]).page(*a, **k)))
    assert sum(len(page.rows) for page in at_once) == COUNT


def test_where_another_generation_is_live_by_now_its_rows_are_shown(database: Database) -> None:
    model = made(database, "text")
    store, models = SqlReadModelStore(database), ReadModels(database, [model])
    assert len(models.page("things").rows) == COUNT
    store.create(model, shape=shape_of(model), logic="2")
    filled(database, "text", number=2, rows=4)
    _swap(database, "UPDATE generations SET position = 9 WHERE generation = 2")
    page = models.page("things")
    assert (page.model.generation, page.position, len(page.rows), page.count.value) == (2, 9, 4, 4)
    with database.write() as connection:
        connection.exec_driver_sql("DROP VIEW things")
        connection.exec_driver_sql("DROP TABLE things__g1")
    assert len(models.page("things").rows) == 4


def test_a_table_that_is_gone_with_its_generation_is_looked_for_anew(database: Database) -> None:
    model = made(database, "text")
    models = ReadModels(database, [model])
    models.page("things")
    SqlReadModelStore(database).create(model, shape=shape_of(model), logic="2")
    filled(database, "text", number=2, rows=2)
    _swap(database)
    with database.write() as connection:
        connection.exec_driver_sql("DROP VIEW things")
        connection.exec_driver_sql("DROP TABLE things__g1")
    assert [row.key for row in models.page("things").rows] == ["B", "a"]
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM generations")
    with pytest.raises(ReadModelMissing):
        models.page("things")


def _swap(database: Database, *more: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE generations SET state = 'kept' WHERE generation = 1")
        connection.exec_driver_sql("UPDATE generations SET state = 'live' WHERE generation = 2")
        for statement in more:
            connection.exec_driver_sql(statement)


def test_no_rows_are_a_page_too(database: Database) -> None:
    model = made(database, "text")
    models = ReadModels(database, [model])
    last = models.page("things", limit=COUNT - 1).next
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM things__g1")
    page = models.page("things", cursor=last)
    assert (page.rows, page.next, page.count.value) == ([], None, 0)


def test_a_cursor_of_another_order_is_refused(database: Database) -> None:
    models = ReadModels(database, [made(database, "text")])
    other = models.page("things", sort="class", limit=2).next
    with pytest.raises(InvalidMessage):
        models.page("things", cursor=other)


@pytest.mark.parametrize("behind", [False, True])
def test_it_reads_no_more_than_the_page_and_what_is_counted(database: Database, behind: bool) -> None:
    made(database, "text")
    with database.write() as connection:
        more = {
            "sqlite": "WITH RECURSIVE n(n) AS (SELECT 10000 UNION ALL SELECT n + 1 FROM n WHERE n < 60000) "
            "INSERT INTO things__g1 (k0, _pos) SELECT 'k' || n, n FROM n",
            "postgresql": "INSERT INTO things__g1 (k0, _pos) "
            "SELECT 'k' || n, n FROM generate_series(10000, 60000) AS n",
        }
        connection.exec_driver_sql(more[database.dialect])
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")
    asked = key_page.statement("things__g1", ["k0", "class", "_pos"], ["k0"], behind, 51)
    values = {"projection": "things", "generation": 1, "shape": "?", **({"key_0": "k30000"} if behind else {})}
    plan = _plan(database, asked.params(**values))
    if database.dialect == "sqlite":
        assert re.search(r"(SCAN|SEARCH) things__g1 USING INDEX \S+( \(k0>\?\))?;", plan), plan
        assert plan.count("B-TREE") == 1, plan  # the page itself, once more
        assert plan.index("B-TREE") > plan.index("SCAN page"), plan
    else:
        assert re.search(r'"Limit".{0,300}"Index Scan", [^{]*"Index Name": "pk_things__g1"', plan), plan


def _plan(database: Database, asked: sa.Select[Any]) -> str:
    compiled: Any = asked.compile(database.engine, compile_kwargs={"render_postcompile": True})
    with database.read() as connection:
        if database.dialect == "sqlite":
            values = tuple(compiled.params[name] for name in compiled.positiontup)
            return (
                "; ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)) + ";"
            )
        (found,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", compiled.params).one()
        return json.dumps(found)
