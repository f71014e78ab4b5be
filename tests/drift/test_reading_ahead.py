"""While one page is worked on, the next one is read, and no further one."""

from __future__ import annotations

import threading

import pytest

from cqrs.drift.reading_ahead import read_ahead

PATIENCE = 10.0


class Library:
    """Tells which pages were asked for, and in which threads."""

    def __init__(self) -> None:
        self.read: list[int] = []
        self.threads: set[int] = set()
        self.second = threading.Event()

    def __call__(self, number: int) -> str:
        self.read.append(number)
        self.threads.add(threading.get_ident())
        if number == 2:
            self.second.set()
        if number == 13:
            raise ValueError("There is no page 13.")
        return f"page {number}"


def test_all_pages_come_in_their_order() -> None:
    assert list(read_ahead(Library(), range(5))) == [f"page {n}" for n in range(5)]
    assert list(read_ahead(Library(), [])) == []


def test_the_next_page_is_read_while_the_first_one_is_worked_on() -> None:
    library = Library()
    pages = read_ahead(library, [1, 2, 3, 4])
    assert next(pages) == "page 1"
    assert library.second.wait(PATIENCE)
    assert 4 not in library.read
    pages.close()  # type: ignore[attr-defined]
    assert 4 not in library.read


def test_a_single_page_needs_no_thread() -> None:
    library = Library()
    assert list(read_ahead(library, [1])) == ["page 1"]
    assert library.threads == {threading.get_ident()}


def test_a_page_that_cannot_be_read_stops_whoever_works_on_them() -> None:
    library, worked = Library(), list[str]()
    with pytest.raises(ValueError, match="no page 13"):
        worked.extend(read_ahead(library, [1, 13, 3, 4]))
    assert 4 not in library.read
