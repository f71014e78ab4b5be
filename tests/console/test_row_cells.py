"""What is made of each kind of value before a page prints it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask

from cqrs.console.row_cells import Cell, shown_rows
from cqrs.messages import MASK
from cqrs.readmodels.reading import Column, ReadModel, Row

LONG_AGO = datetime(2020, 1, 31, 12, 0, 5, tzinfo=UTC)


def column(name: str, *, key: bool = False, numeric: bool = False) -> Column:
    return Column(name, "text", key, True, numeric, (), key)


def model(*columns: Column) -> ReadModel:
    return ReadModel("accounts", "Accounts", "accounts", 1, (column("id", key=True), *columns), True)


def cell_of(app: Flask, value: object, name: str = "x") -> Cell:
    with app.test_request_context():
        (row,) = shown_rows(model(column(name)), [Row("1", {"id": "1", name: value}, 7)], {})
    (cell,) = row.cells
    return cell


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("<b>Eve</b>", "<b>Eve</b>"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (1204518, "1,204,518"),
        (0.25, "0.2"),
        (Decimal("1250.50"), "1,250.50"),
        (date(2026, 1, 31), "2026-01-31"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ([], "[]"),
        (timedelta(hours=1), "1:00:00"),
    ],
)
def test_a_value_has_one_text(app: Flask, value: object, text: str) -> None:
    assert cell_of(app, value) == Cell("x", False, text)


@pytest.mark.parametrize(("value", "without"), [(None, "null"), ("", "empty")])
def test_what_has_no_text_says_why(app: Flask, value: object, without: str) -> None:
    assert cell_of(app, value) == Cell("x", False, "", without)


def test_a_time_is_for_machines_too_and_in_full(app: Flask) -> None:
    cell = cell_of(app, LONG_AGO)
    assert (cell.text, cell.instant, cell.exact) == (
        "31 Jan 2020 12:00",
        "2020-01-31T12:00:05Z",
        "2020-01-31 12:00:05 UTC",
    )


def test_what_is_sensitive_is_masked_at_any_depth(app: Flask) -> None:
    assert cell_of(app, "DE00 1234", "iban").text == MASK
    assert cell_of(app, {"password": "x"}).text == f'{{"password":"{MASK}"}}'


def test_a_column_that_the_live_generation_has_not_is_unknown(app: Flask) -> None:
    with app.test_request_context():
        (row,) = shown_rows(model(column("added")), [Row("1", {"id": "1"}, 7)], {})
    assert row.cells == [Cell("added", False, "", "unknown")]


def test_a_row_leads_to_itself_and_to_its_last_event(app: Flask) -> None:
    with app.test_request_context():
        known, unknown = shown_rows(
            model(), [Row("a/b", {"id": "a/b"}, 1204), Row("2", {"id": "2"}, None)], {"a/b": 1000}
        )
    assert (known.href, known.event, known.position) == ("/read-models/accounts/rows/a~1b", "/events/1204", "1,204")
    assert known.waiting == "1,000"
    assert (unknown.event, unknown.position, unknown.waiting) == ("", "", None)
