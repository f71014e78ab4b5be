"""Every key has one text, and a text names at most one key."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from cqrs.readmodels.keys import from_path, key_of_text, key_text, path_key
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.types import Money, UtcDateTime


def model(*kinds: Any) -> RowModel:
    columns = [sa.Column(f"k{n}", kind, primary_key=True) for n, kind in enumerate(kinds)]
    return RowModel(sa.Table("things", sa.MetaData(), *columns))


ID = UUID("0190163d-8694-739b-aea5-966c26f8ad91")

EXAMPLES: list[tuple[tuple[Any, ...], Any, str]] = [
    ((sa.Text,), "plain", "plain"),
    ((sa.Text,), '["a"]', '["a"]'),
    ((sa.Text,), "", ""),
    ((sa.Text,), "ä/~%", "ä/~%"),
    ((sa.BigInteger,), -42, "-42"),
    ((sa.Date,), date(2026, 1, 31), "2026-01-31"),
    ((sa.Boolean,), True, "true"),
    ((sa.Uuid,), ID, str(ID)),
    ((UtcDateTime,), datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00Z"),
    ((Money,), Decimal("1.50"), "1.5"),
    ((Money,), Decimal("100.00"), "100"),
    ((sa.Text, sa.BigInteger), ("a", 1), '["a",1]'),
    ((sa.Date, sa.Text), (date(2026, 1, 31), '"'), '["2026-01-31","\\""]'),
]


@pytest.mark.parametrize(("kinds", "key", "text"), EXAMPLES)
def test_a_key_and_its_text(kinds: tuple[Any, ...], key: Any, text: str) -> None:
    assert key_text(key) == text
    assert key_of_text(text, model(*kinds)) == key


@pytest.mark.parametrize(
    ("kinds", "text"),
    [
        ((sa.BigInteger,), "042"),
        ((sa.BigInteger,), "1.0"),
        ((sa.BigInteger,), str(2**63)),
        ((sa.BigInteger,), "x"),
        ((sa.Date,), "2026-02-30"),
        ((sa.Date,), "2026-01-31T00:00:00"),
        ((UtcDateTime,), "2026-01-31T12:00:00"),
        ((Money,), "1.50"),
        ((Money,), "0.005"),
        ((Money,), "NaN"),
        ((sa.Text,), "a\0b"),
        ((sa.Text,), "\ud800"),
        ((sa.Text, sa.BigInteger), "a"),
        ((sa.Text, sa.BigInteger), '["a"]'),
        ((sa.Text, sa.BigInteger), '["a", 1]'),
        ((sa.Text, sa.BigInteger), '["a",1,2]'),
        ((sa.Text, sa.BigInteger), '["a","1"]'),
        ((sa.Text, sa.BigInteger), "[[],{}]"),
    ],
)
def test_a_text_that_is_no_key_of_the_table(kinds: tuple[Any, ...], text: str) -> None:
    assert key_of_text(text, model(*kinds)) is None


def test_equal_keys_have_equal_texts() -> None:
    there = datetime(2026, 1, 31, 17, 30, tzinfo=timezone(timedelta(minutes=330)))
    assert key_text(there) == key_text(datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert key_text(Decimal("1.50")) == key_text(Decimal("1.5"))


@given(st.text() | st.text(alphabet="./~0123"))
def test_a_path_segment_has_no_slash_and_can_be_undone(key: str) -> None:
    segment = path_key(key)
    assert "/" not in segment
    assert from_path(segment) == key


@pytest.mark.parametrize(
    ("key", "segment"),
    [
        ("", "~3"),
        (".", "~2"),
        ("..", "~2."),
        ("...", "..."),
        ("~2", "~02"),
        ("~3", "~03"),
        (".a", ".a"),
        ("a/.", "a~1."),
    ],
)
def test_what_a_browser_would_take_for_a_way_is_written_otherwise(key: str, segment: str) -> None:
    assert path_key(key) == segment
    assert from_path(segment) == key
