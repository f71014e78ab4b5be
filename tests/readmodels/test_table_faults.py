"""A table whose values might not read back is refused, with the type to use instead."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.readmodels.table_faults import table_faults
from cqrs.readmodels.types import Money, UtcDateTime

KEY = sa.Column("id", sa.Text, primary_key=True)


def faults(*columns: Any, name: str = "things", key: bool = True) -> list[str]:
    keys = [sa.Column("id", sa.Text, primary_key=True)] if key else []
    return list(table_faults(sa.Table(name, sa.MetaData(), *keys, *columns)))


def test_a_table_of_exact_types_has_no_faults() -> None:
    kinds = [sa.Text, sa.String(9), sa.SmallInteger, sa.Integer, sa.BigInteger, sa.Float, sa.Boolean, sa.Date]
    kinds += [sa.Uuid, sa.JSON, sa.LargeBinary, Money, Money(9, 3), UtcDateTime, sa.Enum("a", "b", native_enum=False)]
    assert faults(*[sa.Column(f"c{n}", kind) for n, kind in enumerate(kinds)]) == []


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        (sa.Column("x", sa.Numeric(10, 2)), "Money"),
        (sa.Column("x", sa.DateTime), "UtcDateTime"),
        (sa.Column("x", sa.TIMESTAMP(timezone=True)), "UtcDateTime"),
        (sa.Column("x", sa.Interval), "Text or JSON"),
        (sa.Column("x", sa.Enum("a", "b", name="letters")), "native_enum=False"),
        (sa.Column("x", sa.Enum(enum.Enum("Letters", "a b"), native_enum=False)), "use Text"),
        (sa.Column("x", sa.Uuid(as_uuid=False)), "leave as_uuid out"),
        (sa.Column("x", sa.Float, primary_key=True), "BigInteger"),
        (sa.Column("x", sa.Text, server_default="a"), "filled by the database"),
        (sa.Column("x", sa.Text, onupdate="a"), "filled by the database"),
        (sa.Column("x", sa.Integer, sa.Computed("1 + 1")), "filled by the database"),
        (sa.Column("x", UtcDateTime, default=lambda: datetime.now(UTC)), "computed default"),
        (sa.Column("x", Money, default=0.5), "default of things.x"),
        (sa.Column("x", sa.Text, default="a\0"), "default of things.x"),
        (sa.Column("x", sa.Text, sa.ForeignKey("others.id")), "foreign keys"),
        (sa.Column("_pos", sa.Text), "underscore"),
        (sa.Column("two words", sa.Text), "no Python name"),
        (sa.Column("class", sa.Text), "no Python name"),
        (sa.Column("key", sa.Text), "hides row.key"),
    ],
)
def test_what_is_refused(column: sa.Column[Any], hint: str) -> None:
    (fault,) = faults(column)
    assert hint in fault


@pytest.mark.parametrize("name", ["x" * 56, "ü" * 28, "users__g7"])
def test_names_that_generations_could_not_have(name: str) -> None:
    assert len(faults(name=name)) == 1


def test_the_longest_name() -> None:
    assert faults(name="x" * 55) == []


def test_a_table_needs_a_key_and_no_schema() -> None:
    (fault,) = faults(sa.Column("x", sa.Text), key=False)
    assert "no primary key" in fault
    (fault,) = table_faults(sa.Table("t", sa.MetaData(), sa.Column("x", sa.Text, primary_key=True), schema="s"))
    assert "schema" in fault


def test_a_key_may_be_called_key() -> None:
    assert faults(sa.Column("key", sa.Text, primary_key=True), key=False) == []
