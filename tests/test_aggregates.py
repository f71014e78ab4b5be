"""Aggregates are what their events say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cqrs.aggregates import Aggregate
from cqrs.messages import Event
from tests.library import Book, BookBought, BookLent

BOUGHT = BookBought(book_id="1", title="Emma", price=Decimal("9.00"))
LENT = BookLent(book_id="1", reader="Ada")


def test_an_aggregate_is_what_its_events_say() -> None:
    book = Book("1").replay([BOUGHT, LENT])
    assert (book.version, book.title, book.reader) == (2, "Emma", "Ada")
    assert book.stream == "book-1"


def test_what_is_recorded_is_applied_at_once_but_not_a_version_before_it_is_taken() -> None:
    book = Book("1").replay([BOUGHT])
    book.record(LENT)
    assert (book.reader, book.version) == ("Ada", 1)
    assert book.take_recorded() == (LENT,)
    assert book.version == 2
    assert book.take_recorded() == ()


def test_events_that_are_replayed_are_not_recorded_again() -> None:
    assert Book("1").replay([BOUGHT]).take_recorded() == ()


def test_the_state_is_the_declared_attributes_with_their_defaults_and_what_was_assigned() -> None:
    assert Book("1").state() == {"title": "", "reader": None}
    assert Book("1").replay([BOUGHT]).state() == {"title": "Emma", "reader": None}


def test_the_state_leaves_out_what_is_private_or_not_there_yet() -> None:
    class Shelf(Aggregate):
        category = "shelf"
        books: list[str]
        mark: str = "A"
        _cache: int = 7

        def apply(self, event: Event) -> None:
            self.extra = 1

    assert Shelf("1").state() == {"mark": "A"}
    shelf = Shelf("1").replay([BOUGHT])
    shelf.books = ["1"]
    assert shelf.state() == {"books": ["1"], "mark": "A", "extra": 1}


def test_the_state_of_a_kind_includes_that_of_what_it_derives_from() -> None:
    class Rare(Book):
        insured: bool = True

    assert list(Rare("1").state()) == ["title", "reader", "insured"]


def test_an_aggregate_without_apply_says_so() -> None:
    class Silent(Aggregate):
        category = "silent"

    with pytest.raises(NotImplementedError, match=r"Silent has no apply\(self, event\)"):
        Silent("1").record(BOUGHT)


def test_two_aggregates_share_nothing() -> None:
    first, second = Book("1"), Book("2")
    first.record(BOUGHT)
    state: dict[str, Any] = second.state()
    assert state["title"] == ""
    assert second.take_recorded() == ()
