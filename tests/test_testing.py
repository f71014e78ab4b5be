"""What domains are tested with fails where it should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from cqrs.errors import InvalidMessage
from cqrs.messages import Context
from cqrs.projections.projection import Projection, on
from cqrs.runtime import Runtime
from cqrs.testing import THE_MOMENT, Scenario, new_events, project, temporary_runtime
from tests.library import (
    BookBought,
    BookLent,
    BookReturned,
    BuyBook,
    CountLent,
    LendBook,
    LentBooks,
    ReturnBook,
    lent_books,
    library,
)

BOUGHT = BookBought(book_id="1", title="Emma", price=Decimal("9.00"))
LENT = BookLent(book_id="1", reader="Ada")
LEND = LendBook(book_id="1", reader="Ada")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with temporary_runtime(tmp_path, library) as runtime:
        yield runtime


def test_a_scenario_in_memory() -> None:
    Scenario(library).given("book-1", BOUGHT).when(LEND).then(LENT).then_result()


def test_a_scenario_in_which_nothing_happens() -> None:
    Scenario(library).when(ReturnBook(book_id="1"), Context(dry_run=True)).then(BookReturned(book_id="1"))


def test_a_scenario_with_tables_and_ids_known_beforehand(runtime: Runtime) -> None:
    scenario = Scenario(runtime).when(BuyBook(title="Emma", price=Decimal(9), mark="A1"))
    scenario.then(BookBought(book_id=scenario.id(), title="Emma", price=Decimal("9.00")))
    scenario.then(BookBought(book_id=ANY, title="Emma", price=ANY))
    scenario.then_result(book_id=scenario.id(1), price="9.00")


def test_a_refusal() -> None:
    Scenario(library).when(LEND).then_refused(book_id="There is no such book.")
    Scenario(library).when(ReturnBook(book_id="1"), Context(expected_version=1)).then_refused(
        "ReturnBook has no stream: send it without an expected version."
    )


def test_every_then_that_does_not_hold_says_what_happened_instead() -> None:
    lent = Scenario(library).given("book-1", BOUGHT).when(LEND)
    with pytest.raises(AssertionError, match=r"Expected:\n  nothing\nbut this happened:\n  BookLent\(book_id='1'"):
        lent.then()
    with pytest.raises(AssertionError, match=r"Expected:\n.*\n.*\nbut this happened:\n"):
        lent.then(LENT, LENT)
    with pytest.raises(AssertionError, match=r"Expected the result \{'a': 1\}, but it is \{\}"):
        lent.then_result(a=1)
    with pytest.raises(AssertionError, match=r"Expected a refusal, .* but the command was carried out"):
        lent.then_refused(book_id="No.")


def test_a_refusal_that_was_not_expected_is_told() -> None:
    refused = Scenario(library).when(LEND)
    for then in (refused.then, refused.then_result):
        with pytest.raises(AssertionError, match="The command was refused: book_id: There is no such book"):
            then()
    with pytest.raises(AssertionError, match=r"Expected the refusal .*, but it is .*no such book"):
        refused.then_refused(reader="No.")


def test_without_a_command_there_is_nothing_to_check() -> None:
    for then in (Scenario(library).then, Scenario(library).then_refused):
        with pytest.raises(AssertionError, match="No command was sent"):
            then()


def test_a_history_that_could_not_be_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="price"):
        Scenario(library).given("book-1", BookBought(book_id="1", title="Emma", price=Decimal("-1")))


def test_rows_of_a_projection_are_those_a_reader_sees() -> None:
    other = BookLent(book_id="2", reader="Eva")
    assert project(LentBooks, LENT, BookReturned(book_id="1"), other, other) == [
        {"book_id": "2", "reader": "Eva", "times": 2, "fee": Decimal("1.00"), "lent_at": THE_MOMENT}
    ]


def test_events_a_projection_does_not_handle_mean_nothing_to_it() -> None:
    assert project(LentBooks, BOUGHT) == []


def test_a_projection_sees_events_at_the_time_given() -> None:
    at = datetime(2020, 2, 29, tzinfo=UTC)
    assert project(LentBooks, LENT, at=at)[0]["lent_at"] == at


@pytest.mark.parametrize("policy", ["park", "stop"])
def test_a_handler_that_fails_is_told_with_its_traceback(policy: str) -> None:
    class Broken(Projection):
        table = lent_books
        on_error = policy  # type: ignore[assignment]

        @on(BookLent, key="book_id", creates=True)
        def lent(row: Any, event: BookLent) -> None:
            row.reader = event.reader[99]

    with pytest.raises(AssertionError, match=r"(?s)BookLent failed for key 1: .*IndexError") as caught:
        project(Broken, LENT)
    assert "row.reader = event.reader[99]" in str(caught.value)


def test_a_temporary_runtime_is_complete(runtime: Runtime) -> None:
    runtime.events.append("book-1", new_events(runtime.types, [BOUGHT, LENT]))
    runtime.projections.catch_up()
    answer = runtime.mediator.ask(CountLent())
    assert (answer.value, answer.position) == (1, 2)
    assert runtime.stream_state("book-1", 1) == {"title": "Emma", "reader": None}
