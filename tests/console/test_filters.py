"""How numbers, times and ids read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask

from cqrs.console import filters
from cqrs.identifiers import derived_id
from cqrs.runtime import Runtime


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        (0, "0"),
        (1204518, "1,204,518"),
        (28.64, "28.6"),
        (3.0, "3"),
        (Decimal("1234.50"), "1,234.50"),
    ],
)
def test_number(value: float | Decimal | None, text: str) -> None:
    assert filters.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "unknown"),
        (0, "0 s"),
        (0.44, "0.4 s"),
        (42, "42 s"),
        (60, "1 min"),
        (96, "1 min 36 s"),
        (7_500, "2 h 5 min"),
        (86_400, "1 d"),
        (273_600, "3 d 4 h"),
        (-3, "0 s"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert filters.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "an unknown time"), (0.0, "under 1 s"), (0.9, "under 1 s"), (96, "about 1 min 36 s")]
)
def test_an_estimate_is_never_nothing(seconds: float | None, text: str) -> None:
    assert filters.about(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "unknown"), (999, "999 B"), (41_200, "41.2 kB"), (412_000, "412 kB"), (3_100_000_000, "3.1 GB")],
)
def test_bytes(size: float | None, text: str) -> None:
    assert filters.bytes_(size) == text


def test_short_ids_tell_neighbours_apart() -> None:
    assert filters.short_id("user-01928374-aaaa-7bbb-8ccc-ddddeeeeffff") == "user-…eeeeffff"
    random = derived_id("a", 1)
    assert filters.short_id(f"order-{random}") == f"order-{random[:8]}"
    assert filters.short_id("order-1") == "order-1"
    assert len(filters.short_id("x" * 500)) <= filters.LONGEST_SHOWN


def test_texts_show_what_is_in_them() -> None:
    assert filters.quoted('a"\n\u0007') == '"a\\"\\n\\u0007"'


def test_times_are_read_in_the_zone_of_the_reader(app: Flask, runtime: Runtime) -> None:
    now = datetime(2026, 7, 14, 14, 32, 5, tzinfo=UTC)
    runtime.clock = lambda: now
    with app.test_request_context(headers={"Cookie": "projectionist_zone=Europe/Berlin"}):
        assert filters.moment(now) == "2026-07-14 16:32:05 CEST"
        assert filters.clock(now) == "16:32:05"
        assert filters.clock(now - timedelta(days=2)) == "12 Jul 16:32"
        assert filters.clock(now - timedelta(days=365)) == "14 Jul 2025 16:32"
        assert filters.instant(now) == "2026-07-14T14:32:05Z"
    with app.test_request_context():
        assert filters.moment(now) == "2026-07-14 14:32:05 UTC"
        assert filters.ago(now - timedelta(seconds=96)) == "1 min 36 s ago"
        assert filters.ago(now - timedelta(days=2)) == "12 Jul 14:32"
        assert filters.ago(now + timedelta(seconds=5)) == "just now"
        assert filters.ago(now + timedelta(hours=2)) == "in 2 h"
