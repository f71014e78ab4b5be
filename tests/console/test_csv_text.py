"""CSV that a spreadsheet cannot be tricked with."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from cqrs.console.csv_text import cell, to_csv


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_formulas_become_text(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        (Decimal("-5.00"), "-5.00"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00Z"),
        (date(2026, 1, 2), "2026-01-02"),
        ({"a": [Decimal("1.50")]}, '{"a":["1.50"]}'),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (b"\x00\xff", "AP8="),
        (["a"], '["a"]'),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_values(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_what_is_written_is_read_back() -> None:
    rows = [{"a": 'say "x"', "b": "one, two\nthree"}, {"b": 3}]
    read = list(csv.reader(io.StringIO(to_csv(("a", "b"), rows), newline="")))
    assert read == [["a", "b"], ['say "x"', "one, two\nthree"], ["", "3"]]
