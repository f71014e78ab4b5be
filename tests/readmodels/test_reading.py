"""Pages of rows go on where they ended whatever the order, filters are typed, and nothing typed becomes SQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.errors import InvalidMessage, ReadModelMissing
from cqrs.readmodels.reading import ReadModels
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.shape import shape_of
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import READ, upgrade


def declared(*more: sa.Column[Any]) -> RowModel:
    return RowModel(
        sa.Table(
            "accounts",
            sa.MetaData(),
            sa.Column("id", sa.Text, primary_key=True),
            sa.Column("owner", sa.Text),
            sa.Column("balance", Money(), nullable=False),
            sa.Column("visits", sa.BigInteger, nullable=False),
            sa.Column("opened_at", UtcDateTime),
            sa.Column("notes", sa.JSON),
            *more,
        )
    )


accounts = declared()

OWNERS = ["Ada", None, "Ada", "Alan", None, "Grace", "Adele"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database("sqlite:///read.db", root=tmp_path)
    upgrade(database, READ)
    yield database
    database.dispose()


@pytest.fixture
def models(database: Database) -> ReadModels:
    generation = SqlReadModelStore(database).ensure(accounts, shape=shape_of(accounts), logic="1")
    with database.write() as connection:
        for n, owner in enumerate(OWNERS):
            connection.exec_driver_sql(
                f"INSERT INTO accounts__g{generation.number} VALUES (?, ?, ?, ?, ?, ?, ?)",
                (f"a{n}", owner, n / 2, n % 3, f"2026-01-0{n + 1}T00:00:00.000000Z", '{"n": 1}', n + 1),
            )
    return ReadModels(database, [accounts])


def keys(models: ReadModels, sort: str | None, limit: int) -> list[str]:
    """All keys, read page by page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = models.page("accounts", sort=sort, cursor=cursor, limit=limit)
        found += [row.key for row in page.rows]
        cursor = page.next
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
@pytest.mark.parametrize("sort", [None, "owner", "-owner", "balance", "-balance", "visits", "-visits", "-opened_at"])
def test_every_order_is_read_whole_and_once_whatever_the_page(models: ReadModels, sort: str | None, limit: int) -> None:
    whole = [row.key for row in models.page("accounts", sort=sort).rows]
    assert sorted(whole) == sorted(f"a{n}" for n in range(len(OWNERS)))
    assert keys(models, sort, limit) == whole


def test_values_come_back_as_the_types_that_were_declared(models: ReadModels) -> None:
    row = models.row("accounts", "a3")
    assert row is not None
    assert row.position == 4
    assert row.values == {
        "id": "a3",
        "owner": "Alan",
        "balance": Decimal("1.50"),
        "visits": 0,
        "opened_at": datetime(2026, 1, 4, tzinfo=UTC),
        "notes": {"n": 1},
    }
    assert models.row("accounts", "nobody") is None
    assert models.row("accounts", "a\0") is None


def test_filters_are_typed_and_texts_may_be_prefixes(models: ReadModels) -> None:
    def found(**filters: str) -> list[str]:
        return [row.key for row in models.page("accounts", filters=filters).rows]

    assert found(owner="Ada") == ["a0", "a2"]
    assert found(owner="Ad*") == ["a0", "a2", "a6"]
    assert found(balance="1.5") == ["a3"]
    assert found(visits="2", owner="Ada") == ["a2"]
    assert found(owner="' OR 1=1 --") == []
    assert found(owner="%") == []


def test_columns_are_compared_as_their_types_allow(models: ReadModels) -> None:
    def found(filters: dict[str, str]) -> list[str]:
        return [row.key for row in models.page("accounts", filters=filters).rows]

    assert found({"balance.from": "1", "balance.to": "2"}) == ["a2", "a3", "a4"]
    assert found({"opened_at.from": "2026-01-06"}) == ["a5", "a6"]
    assert found({"opened_at.to": "2026-01-02T00:00:00+01:00"}) == ["a0"]
    assert found({"owner.begins": "A", "owner.contains": "LA"}) == ["a3"]
    assert found({"owner.contains": "%"}) == []
    assert found({"owner.null": "1"}) == ["a1", "a4"]
    assert found({"owner.null": "0", "visits": "2"}) == ["a2", "a5"]
    assert found({"notes.null": "1"}) == []


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("owner.from", "A", "Only numbers and times can be at least something."),
        ("balance.contains", "1", "Only texts contain something."),
        ("visits.null", "1", "This column always has a value."),
        ("owner.null", "yes", "Give 1 for rows without a value, 0 for rows with one."),
        ("notes", "{}", "Rows cannot be found by this column."),
        ("owner.near", "A", "There is no such column."),
        ("opened_at.from", "soon", "Give a time, such as 2026-01-31T12:00:00Z; without a zone it is taken as UTC."),
    ],
)
def test_what_a_column_cannot_be_compared_by_is_said(models: ReadModels, name: str, value: str, sentence: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        models.page("accounts", filters={name: value})
    assert refused.value.errors == {name: [sentence]}


def test_every_fault_of_a_filter_is_told(models: ReadModels) -> None:
    with pytest.raises(InvalidMessage) as refused:
        models.page("accounts", filters={"balance": "a lot", "visits": "9" * 40, "_pos": "1", "owner": "\0"})
    assert set(refused.value.errors) == {"balance", "visits", "_pos", "owner"}


@pytest.mark.parametrize("sort", ["_pos", "owner; DROP TABLE accounts", "--owner"])
def test_an_order_that_is_none_is_refused(models: ReadModels, sort: str) -> None:
    with pytest.raises(InvalidMessage):
        models.page("accounts", sort=sort)


@pytest.mark.parametrize("cursor", ["x", "????", "bnVsbA", "WzEsMl0", "é"])
def test_a_cursor_that_nobody_made_is_refused(models: ReadModels, cursor: str) -> None:
    with pytest.raises(InvalidMessage):
        models.page("accounts", cursor=cursor)


def test_a_value_that_somebody_else_broke_is_shown_as_it_is(models: ReadModels, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET balance = 'much', opened_at = 'soon' WHERE id = 'a0'")
        connection.exec_driver_sql("INSERT INTO accounts__g1 (id, balance, visits) VALUES ('foreign', 1, 1)")
    broken = models.row("accounts", "a0")
    assert broken is not None
    assert (broken.values["balance"], broken.values["opened_at"]) == ("'much'", "'soon'")
    foreign = models.row("accounts", "foreign")
    assert foreign is not None
    assert foreign.position is None
    assert len(models.page("accounts").rows) == len(OWNERS) + 1


def test_the_list_tells_the_columns_and_the_live_generation(models: ReadModels) -> None:
    (model,) = models.list()
    assert (model.name, model.title, model.generation) == ("accounts", "Accounts", 1)
    told = [(column.name, column.type_text, column.primary_key, column.numeric) for column in model.columns]
    assert told[:3] == [
        ("id", "text", True, False),
        ("owner", "text", False, False),
        ("balance", "money(15,2)", False, True),
    ]


def test_before_the_tables_are_made_there_is_a_sentence(database: Database) -> None:
    models = ReadModels(database, [accounts])
    assert models.list()[0].generation is None
    with pytest.raises(ReadModelMissing):
        models.page("accounts")


def test_a_generation_of_other_code_shows_the_columns_both_have(models: ReadModels, database: Database) -> None:
    wider = declared(sa.Column("city", sa.Text))
    page = ReadModels(database, [wider]).page("accounts")
    assert set(page.rows[0].values) == {"id", "owner", "balance", "visits", "opened_at", "notes"}
