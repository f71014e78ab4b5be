"""A catalogue of domains, and every fault of their declarations in a sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.aggregates import Aggregate
from cqrs.domain import Catalogue, Domain, load_domains
from cqrs.errors import DomainFault
from cqrs.messages import Command, Event, Query, event
from cqrs.projections.projection import Projection, on
from tests.library import (
    Book,
    BookBought,
    BookByMark,
    BookLent,
    BookReturned,
    BuyBook,
    CountLent,
    LendBook,
    LentBooks,
    ReturnBook,
    buy_book,
    library,
    marks,
)


def faults_of(*domains: Domain) -> list[str]:
    with pytest.raises(DomainFault) as caught:
        Catalogue(domains)
    return list(caught.value.faults)


def test_a_catalogue_knows_everything_by_name() -> None:
    catalogue = Catalogue([library])
    assert catalogue.commands == {"BuyBook": BuyBook, "LendBook": LendBook, "ReturnBook": ReturnBook}
    assert catalogue.queries == {"CountLent": CountLent, "BookByMark": BookByMark}
    assert catalogue.projections == {"lent_books": LentBooks}
    assert catalogue.aggregates == {"book": Book}
    assert catalogue.write_models == {"marks": marks}
    assert catalogue.command_handlers[BuyBook] is buy_book
    assert set(catalogue.types.names()) == {"BookBought", "BookLent", "BookReturned"}


def test_domains_are_put_together() -> None:
    readers = Domain("readers", projections=[LentBooks])
    books = replace(library, projections=[])
    assert Catalogue([books, readers]).projections == {"lent_books": LentBooks}


def test_a_program_without_domains_is_allowed() -> None:
    assert Catalogue([]).commands == {}


def test_all_faults_are_told_at_once() -> None:
    class Undeclared(Event):
        pass

    broken = Domain(
        "broken",
        events=[Undeclared],
        command_handlers={LendBook: None},
        aggregates={"shelf": Book},  # type: ignore[dict-item]
    )
    assert faults_of(broken) == [
        'The event class Undeclared has no stored name. Declare it: @event("Undeclared").',
        "LendBook has no handler: give it a function of the message and its context.",
        'Book is listed for the category shelf: set its category = "shelf".',
    ]


def test_names_must_be_unique_across_domains() -> None:
    @event("BookLent")
    class Lent(Event):
        pass

    class LendBook(Command):
        pass

    class CountLent(Query):
        pass

    def nothing(message: object, context: object) -> None: ...

    other = Domain(
        "library",
        events=[Lent],
        aggregates={"book": Book},
        command_handlers={LendBook: nothing},
        query_handlers={CountLent: nothing},
        projections=[LentBooks],
        write_models=[marks],
    )
    assert faults_of(library, other) == [
        "Two domains are named library: names must differ.",
        "Two events are stored as BookLent, or one is listed twice: each name means one class.",
        "Two commands are named LendBook: rename one of the classes.",
        "Two queries are named CountLent: rename one of the classes.",
        "Two domains have an aggregate for the category book: categories must differ.",
        "Two projections have the table lent_books: a read model has one projection.",
        "Two write models are named marks: tables must differ.",
    ]


def test_things_in_the_wrong_list_are_named() -> None:
    wrong: Any = Domain(
        "wrong",
        events=[LendBook],  # type: ignore[list-item]
        command_handlers={CountLent: buy_book},  # type: ignore[dict-item]
        query_handlers={LendBook: buy_book},  # type: ignore[dict-item]
        aggregates={"book": LendBook},  # type: ignore[dict-item]
        projections=[LentBooks()],  # type: ignore[list-item]
        write_models=["marks"],  # type: ignore[list-item]
    )
    faults = faults_of(wrong)
    assert faults[:4] == [
        "LendBook in the events of domain wrong is not a subclass of Event.",
        "CountLent in the command_handlers of domain wrong is not a subclass of Command.",
        "LendBook in the query_handlers of domain wrong is not a subclass of Query.",
        "LendBook in the aggregates of domain wrong is not a subclass of Aggregate.",
    ]
    assert faults[4].endswith("in a list of projections is not a subclass of Projection.")
    assert faults[5] == "'marks' in the write_models is not a SQLAlchemy Table."


def test_a_query_reads_only_projections_there_are() -> None:
    class Find(Query):
        reads = ("lent_books", "readers")

    faults = faults_of(replace(library, query_handlers={Find: lambda query, read: None}))
    assert faults == ["The query Find reads readers, but no domain has a projection of that name."]


def test_a_projection_handles_only_events_there_are() -> None:
    faults = faults_of(replace(library, events=[BookBought, BookReturned]))
    assert faults == ["Projection LentBooks handles BookLent, an event that no domain lists."]


def test_the_faults_of_a_projection_are_told() -> None:
    table = sa.Table(
        "prices", sa.MetaData(), sa.Column("book_id", sa.Text, primary_key=True), sa.Column("p", sa.Numeric)
    )

    def priced(row: Any, event: BookBought) -> None: ...

    broken = type("Broken", (Projection,), {"table": table, "bought": on(BookBought, key="isbn", creates=True)(priced)})
    faults = faults_of(replace(library, projections=[broken, LentBooks]))
    assert any("isbn" in fault for fault in faults)
    assert any("prices.p" in fault for fault in faults)


def test_a_read_model_and_a_write_model_cannot_share_a_name() -> None:
    table = sa.Table("lent_books", sa.MetaData(), sa.Column("id", sa.Text, primary_key=True))
    assert faults_of(replace(library, write_models=[table])) == [
        "lent_books is the name of a write model and of a projection: rename one of the tables."
    ]


def test_a_category_has_no_hyphen() -> None:
    class Odd(Aggregate):
        category = "e-book"

    assert faults_of(Domain("odd", aggregates={"e-book": Odd})) == [
        "The category 'e-book' of Odd must be printable text without a hyphen."
    ]


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("plugin_")]:
        del sys.modules[name]


def test_domains_are_loaded_by_name(plugins: Path) -> None:
    (plugins / "plugin_shop.py").write_text("from cqrs.domain import Domain\nshop = Domain('shop')\n")
    assert load_domains(["plugin_shop:shop", "tests.library:library"]) == (Domain("shop"), library)


def test_all_domains_that_cannot_be_loaded_are_told_at_once() -> None:
    names = ["nowhere", "no_such_package.shop:domain", "tests.library:nothing", "tests.library:Book", ":x"]
    with pytest.raises(DomainFault) as caught:
        load_domains(names)
    assert list(caught.value.faults) == [
        "'nowhere' does not name a domain: write package.module:attribute in CQRS_DOMAINS.",
        "The domain no_such_package.shop:domain cannot be loaded: there is no module no_such_package.",
        "The domain tests.library:nothing cannot be loaded: tests.library holds nothing under nothing.",
        "The domain tests.library:Book cannot be loaded: tests.library holds a type under Book.",
        "':x' does not name a domain: write package.module:attribute in CQRS_DOMAINS.",
    ]


def test_a_broken_import_inside_a_domain_keeps_its_traceback(plugins: Path) -> None:
    (plugins / "plugin_broken.py").write_text("import a_library_that_is_missing\n")
    with pytest.raises(ModuleNotFoundError, match="a_library_that_is_missing"):
        load_domains(["plugin_broken:domain"])


def test_events_may_be_listed_without_projections() -> None:
    assert Catalogue([Domain("books", events=[BookLent])]).projections == {}
