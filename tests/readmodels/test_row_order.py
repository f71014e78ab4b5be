"""Rows by any column that has an order, of every type there is, page by page on both engines."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.errors import InvalidMessage
from cqrs.readmodels.generations import physical_table
from cqrs.readmodels.reading import ReadModels
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.shape import shape_of
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.store.database import Database

COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "text": (sa.Text(), ["b", None, "a", "b", "ä", "", "B"]),
    "flag": (sa.Boolean(), [True, False, None, True, False, True, None]),
    "whole": (sa.BigInteger(), [2, -1, None, 2, 2**53 + 1, 0, 2]),
    "real": (sa.Float(), [0.1, -2.5, None, 0.1, 1e300, 0.0, 3.0]),
    "money": (Money(), [Decimal("9.50"), None, Decimal("10.00"), Decimal("9.50"), Decimal(0), Decimal(-1), Decimal(2)]),
    "day": (sa.Date(), [date(2026, 1, n) if n % 3 else None for n in range(1, 8)]),
    "moment": (UtcDateTime(), [datetime(2026, 1, n % 4 + 1, tzinfo=UTC) if n % 3 else None for n in range(7)]),
    "code": (sa.Uuid(), [uuid.UUID(int=n % 3) if n else None for n in range(7)]),
    "colour": (sa.Enum("red", "blue", native_enum=False), ["red", None, "blue", *["red"] * 4]),
}
UNORDERED: dict[str, tuple[Any, list[Any]]] = {
    "notes": (sa.JSON(), [{"password": "s3cr3t"}] * 7),
    "image": (sa.LargeBinary(), [b"1"] * 7),
}
ALL = COLUMNS | UNORDERED
THINGS = RowModel(
    sa.Table(
        "things",
        sa.MetaData(),
        sa.Column("id", sa.Text, primary_key=True),
        *(sa.Column(name, type_) for name, (type_, _) in ALL.items()),
    )
)


@pytest.fixture
def models(database: Database) -> ReadModels:
    made = SqlReadModelStore(database).ensure(THINGS, shape=shape_of(THINGS), logic="1")
    rows = [{"id": f"t{n}", "_pos": n + 1, **{name: values[n] for name, (_, values) in ALL.items()}} for n in range(7)]
    with database.write() as connection:
        connection.execute(physical_table(THINGS, made.number).insert(), rows)
    return ReadModels(database, [THINGS])


def test_every_order_is_read_whole_and_once(models: ReadModels) -> None:
    for name in COLUMNS:
        for sort in (name, f"-{name}"):
            whole = [row.key for row in models.page("things", sort=sort).rows]
            assert len(set(whole)) == 7
            found, cursor = [], None
            for _ in range(9):
                page = models.page("things", sort=sort, cursor=cursor, limit=2)
                found += [row.key for row in page.rows]
                cursor = page.next
                if cursor is None:
                    break
            assert (sort, found) == (sort, whole)


@pytest.mark.parametrize("name", UNORDERED)
def test_what_has_no_order_is_refused_and_said_beforehand(models: ReadModels, name: str) -> None:
    for sort in (name, f"-{name}"):
        with pytest.raises(InvalidMessage, match="Rows cannot be sorted by this column"):
            models.page("things", sort=sort)
    assert [column.name for column in models.list()[0].columns if not column.sortable] == list(UNORDERED)
