"""Projections made of statements: each event once, both tables and the checkpoint together, whatever the batches."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs.domain import Catalogue, Domain
from cqrs.errors import DomainFault, InvalidMessage, NotKeyed
from cqrs.identifiers import new_id
from cqrs.messages import Event, Metadata
from cqrs.projections.engine import Sizes
from cqrs.projections.projection import Projection, check
from cqrs.projections.sql_projection import SqlProjection
from cqrs.projections.status import State
from cqrs.readmodels.generation import ANY_EVENT
from cqrs.store.database import Database
from cqrs.store.records import NewEvent
from cqrs.store.schema import READ, upgrade
from cqrs.testing import project
from tests.conftest import DatabaseFactory, RuntimeFactory
from tests.library import BookLent, BookReturned, LentBooks, library
from tests.projections.conftest import Desk, run_to_end
from tests.projections.histories import events
from tests.projections.house import House
from tests.projections.library import TYPES, BookBorrowed, MemberLeft, append, borrowed, joined

tables = sa.MetaData()

loans = sa.Table(
    "loans",
    tables,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("member_id", sa.Text, nullable=False, index=True),
    sa.Column("book", sa.Text, nullable=False),
)
books = sa.Table(
    "books", tables, sa.Column("book", sa.Text, primary_key=True), sa.Column("loans", sa.BigInteger, nullable=False)
)


class Loans(SqlProjection):
    """Each loan of those who are members, and how many there are of each book."""

    tables = (loans, books)
    events = (BookBorrowed, MemberLeft)

    def handle(connection: sa.Connection, event: Event, tables: Any, meta: Metadata) -> None:
        loans, books = tables["loans"], tables["books"]
        match event:
            case BookBorrowed(book="Dracula"):
                connection.execute(sa.insert(books).values(book="half of it", loans=1))
                raise ValueError("it bites")
            case BookBorrowed():
                row = {"position": meta.position, "member_id": event.member_id, "book": event.book}
                connection.execute(sa.insert(loans).values(row))
            case MemberLeft():
                connection.execute(sa.delete(loans).where(loans.c.member_id == event.member_id))
        connection.execute(sa.delete(books))
        counted = sa.select(loans.c.book, sa.func.count()).group_by(loans.c.book)
        connection.execute(sa.insert(books).from_select(["book", "loans"], counted))


def expected(history: list[Event | NewEvent]) -> tuple[dict[int, tuple[str, str]], dict[str, int]]:
    rows: dict[int, tuple[str, str]] = {}
    for position, each in enumerate(history, start=1):
        happened = TYPES.decode(each.type, each.schema_version, each.data) if isinstance(each, NewEvent) else each
        match happened:
            case BookBorrowed():
                rows[position] = (happened.member_id, happened.book)
            case MemberLeft():
                rows = {at: row for at, row in rows.items() if row[0] != happened.member_id}
    return rows, dict(Counter(book for _, book in rows.values()))


class SqlDesk(Desk):
    def __init__(self, database: Database, *projections: type[Projection], **options: Any) -> None:
        upgrade(database, READ)
        super().__init__(database, projections or (Loans,), **options)

    def found(self, number: int | None = None) -> tuple[dict[int, tuple[str, str]], dict[str, int]]:
        suffix = "" if number is None else f"__g{number}"
        rows = self.sql(f"SELECT position, member_id, book FROM loans{suffix}")
        return {row[0]: (row[1], row[2]) for row in rows}, dict(
            tuple(row) for row in self.sql(f"SELECT book, loans FROM books{suffix}")
        )


@pytest.fixture
def desk(database: Database) -> SqlDesk:
    return SqlDesk(database)


@settings(max_examples=8)
@given(history=st.lists(events, max_size=25))
def test_every_way_to_run_comes_to_the_same(new_database: DatabaseFactory, history: list[Any]) -> None:
    name = f"{new_id()}.db"
    by_ones = SqlDesk(new_database(name), sizes=Sizes(live=1))
    for each in history:
        append(by_ones.events, each)
        by_ones.projections.catch_up()
    assert by_ones.found() == expected(history)
    in_one_go = SqlDesk(new_database(name), sizes=Sizes(live=10_000))
    assert in_one_go.found(in_one_go.build("loans")) == expected(history)
    by_threes = SqlDesk(new_database(name), sizes=Sizes(live=3))
    assert by_threes.found(by_threes.build("loans")) == expected(history)


def test_readers_see_views_of_all_tables(desk: SqlDesk) -> None:
    last = append(desk.events, borrowed("m1"), borrowed("m2"), borrowed("m1", "Ulysses"))
    desk.projections.catch_up()
    read_models = type(desk.read_models)(desk.database, Loans.models())
    page = read_models.page("books")
    assert [row.values for row in page.rows] == [{"book": "Emma", "loans": 2}, {"book": "Ulysses", "loans": 1}]
    assert page.position == last
    listed = [(each.name, each.projection, each.generation) for each in read_models.list()]
    assert listed == [("loans", "loans", 1), ("books", "loans", 1)]
    assert desk.sql("SELECT count(*) FROM foreign_writes") == [(0,)]


def test_an_error_stops_it_before_the_event_and_leaves_nothing_of_it(desk: SqlDesk) -> None:
    append(desk.events, borrowed("m1"), borrowed("m2"), borrowed("m1", "Dracula"), borrowed("m2"))
    run_to_end(desk.projections.runner("loans", "w1"))
    status = desk.projections.status("loans")
    assert (status.state, status.checkpoint, status.parked, status.keyed) == (State.FAILED, 2, 0, False)
    assert status.failure is not None
    assert (status.failure.position, status.failure.key, status.failure.error) == (3, None, "ValueError: it bites")
    assert desk.found() == ({1: ("m1", "Emma"), 2: ("m2", "Emma")}, {"Emma": 2})


@pytest.mark.parametrize("statement", ["INSERT INTO nowhere VALUES (1)", "INSERT INTO {books} VALUES (NULL, 1)"])
def test_what_the_database_refuses_stops_it(database: Database, statement: str) -> None:
    """It is not taken for a database that is away, which would be tried again for ever."""

    class Broken(Loans):
        def handle(connection: sa.Connection, event: Event, tables: Any) -> None:
            connection.exec_driver_sql(statement.format(books=tables["books"].name))

    desk = SqlDesk(database, Broken)
    append(desk.events, borrowed("m1"))
    run_to_end(desk.projections.runner("loans", "w1"))
    assert desk.projections.status("loans").state is State.FAILED


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_handler_that_ends_the_transaction_stops_it_and_leaves_nothing(database: Database, end: str) -> None:
    """Otherwise the checkpoint would be stored without the rest of its batch, or believed to be."""

    class Impatient(Loans):
        def handle(connection: sa.Connection, event: Event, tables: Any, meta: Metadata) -> None:
            Loans.handle(connection, event, tables, meta)
            if isinstance(event, BookBorrowed) and event.book == "Ulysses":
                getattr(connection, end)()

    desk = SqlDesk(database, Impatient)
    append(desk.events, borrowed("m1"), borrowed("m2", "Ulysses"), borrowed("m3"))
    run_to_end(desk.projections.runner("loans", "w1"))
    status = desk.projections.status("loans")
    assert (status.state, status.checkpoint) == (State.FAILED, 1)
    assert status.failure is not None
    assert status.failure.error.startswith("TransactionNotYours")
    assert desk.found() == ({1: ("m1", "Emma")}, {"Emma": 1})


def test_it_goes_on_when_it_is_corrected(database: Database) -> None:
    desk = SqlDesk(database)
    append(desk.events, borrowed("m1"), borrowed("m1", "Dracula"), borrowed("m2"))
    run_to_end(desk.projections.runner("loans", "w1"))

    class Brave(Loans):
        def handle(connection: sa.Connection, event: Event, tables: Any, meta: Metadata) -> None:
            Loans.handle(connection, replace_book(event), tables, meta)

    braver = SqlDesk(database, Brave)
    braver.projections.resume("loans", actor="ada")
    run_to_end(braver.projections.runner("loans", "w2"))
    assert braver.found()[1] == {"Emma": 2, "half of Dracula": 1}
    note = braver.projections.status("loans").note
    assert note is not None
    assert "replay is recommended" in note


def replace_book(event: Event) -> Event:
    if isinstance(event, BookBorrowed) and event.book == "Dracula":
        return BookBorrowed(member_id=event.member_id, book="half of Dracula", borrowed_at=event.borrowed_at)
    return event


def test_a_fenced_runner_applies_nothing_twice(new_database: DatabaseFactory) -> None:
    desk = SqlDesk(new_database())
    append(desk.events, borrowed("m1"))
    first = desk.projections.runner("loans", "w1")
    first.step()
    desk.sql("UPDATE generations SET lease_until = NULL, owner = NULL")
    second = desk.projections.runner("loans", "w2")
    second.step()
    append(desk.events, borrowed("m2"))
    assert "took over" in str(first.step().why)
    assert second.step().applied == 1
    assert desk.found()[1] == {"Emma": 2}


def test_an_event_that_processes_die_of_stops_it(desk: SqlDesk) -> None:
    append(desk.events, borrowed("m1"), borrowed("m2"))
    desk.sql(f"UPDATE generations SET suspect = {ANY_EVENT}")
    assert desk.projections.catch_up() == 2
    append(desk.events, borrowed("m3"))
    desk.sql("UPDATE generations SET suspect = 3, deaths = 3")
    run_to_end(desk.projections.runner("loans", "w2"))
    status = desk.projections.status("loans")
    assert (status.state, status.checkpoint) == (State.FAILED, 2)
    assert status.failure is not None
    assert status.failure.error.startswith("ProcessDied: 3 processes died")


class LoansHouse(House):
    """Operations on this projection instead."""

    def ask(self, kind: str, **parameters: Any) -> Any:
        return self.operations.request(kind, "loans", actor="ana", parameters=parameters)

    def names(self) -> set[str]:
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if self.database.dialect == "postgresql":
            names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return {name for (name,) in self.sql(names) if "__g" in name}


def test_a_replay_swaps_all_tables_and_a_roll_back_brings_them_back(database: Database) -> None:
    house = LoansHouse(database, Loans)
    append(house.events, *(borrowed(f"m{n % 7}", f"book {n % 5}") for n in range(300)), MemberLeft(member_id="m3"))
    run_to_end(house.projections.runner("loans", "worker"))
    before = house.sql("SELECT * FROM books ORDER BY book")
    house.sql("UPDATE books__g1 SET loans = 1000 WHERE book = 'book 1'")
    house.sql("DELETE FROM loans__g1 WHERE position = 1")
    held = house.replay()
    assert held.state == "waiting", "1 of 5 rows differs though the code is unchanged"
    assert held.result is not None
    assert held.result["compared"] == {"equal": 260, "changed": 1, "missing": 1, "extra": 0, "known": 0}
    house.operations.approve(held.id, actor="ana")
    assert house.work(held).state == "succeeded"
    assert house.sql("SELECT * FROM books ORDER BY book") == before
    assert house.names() == {"loans__g1", "books__g1", "loans__g2", "books__g2"}
    target = house.projections.generations("loans")[1]
    rolled = house.work(house.ask("rollback", generation=target.number))
    assert rolled.state == "succeeded"
    assert house.sql("SELECT loans FROM books WHERE book = 'book 1'") == [(1000,)]
    assert house.store.drop(Loans.model, 2)
    assert house.names() == {"loans__g1", "books__g1"}


def test_a_replay_stops_at_an_event_that_fails(database: Database) -> None:
    house = LoansHouse(database, Loans)
    append(house.events, borrowed("m1"), borrowed("m1", "Dracula"))
    run_to_end(house.projections.runner("loans", "worker"))
    append(house.events, joined("m2"))
    house.sql("UPDATE generations SET failure = NULL, position = 3")
    operation = house.replay()
    assert operation.state == "failed"
    assert any("Event 2 (BookBorrowed), key none, failed: ValueError: it bites." in text for text in operation.errors)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"events": ()}, "It handles no events"),
        ({"events": (MemberLeft, MemberLeft)}, "MemberLeft is listed twice"),
        ({"inline": True}, "It cannot be inline"),
        ({"on_error": "park"}, 'can only be "stop"'),
        ({"handle": lambda connection, event: None}, "handle takes connection, event and tables"),
        ({"handle": lambda connection, event, tables, clock: None}, "handle takes connection, event and tables"),
        ({"tables": (loans, sa.Table("t", sa.MetaData(), sa.Column("n", sa.Numeric)))}, "use cqrs.readmodels.types"),
    ],
)
def test_a_wrong_declaration_is_told(facts: dict[str, Any], sentence: str) -> None:
    assert any(sentence in fault for fault in check(type("Wrong", (Loans,), facts)))


def test_a_right_declaration_is_none() -> None:
    assert check(Loans) == []
    assert check(type("Empty", (SqlProjection,), {})) != []


def test_two_projections_cannot_fill_one_table() -> None:
    class Shelf(SqlProjection):
        tables = (sa.Table("shelf", sa.MetaData(), sa.Column("book_id", sa.Text, primary_key=True)), LentBooks.table)
        events = (BookLent,)

        def handle(connection: sa.Connection, event: Event, tables: Any) -> None: ...

    with pytest.raises(DomainFault, match="Two projections have the table lent_books"):
        Catalogue([replace(library, projections=[LentBooks, Shelf])])


ledger = sa.Table(
    "ledger", sa.MetaData(), sa.Column("reader", sa.Text, primary_key=True), sa.Column("times", sa.BigInteger)
)


class Ledger(SqlProjection):
    tables = (ledger,)
    events = (BookLent,)

    def handle(connection: sa.Connection, event: BookLent, tables: Any) -> None:
        connection.exec_driver_sql(
            f"INSERT INTO {tables['ledger'].name} (reader, times) VALUES ('{event.reader}', 1) "
            f"ON CONFLICT (reader) DO UPDATE SET times = {tables['ledger'].name}.times + 1"
        )


def test_it_is_tested_like_any_other() -> None:
    lent = BookLent(book_id="1", reader="Ada")
    assert project(Ledger, lent, BookReturned(book_id="1"), lent) == [{"reader": "Ada", "times": 2}]


def test_what_needs_keys_is_refused_with_a_sentence(new_runtime: RuntimeFactory) -> None:
    domain: Domain = replace(library, projections=[LentBooks, Ledger])
    runtime = new_runtime(domain)
    runtime.init()
    for refused in (
        lambda: runtime.explain("ledger", "Ada"),
        lambda: runtime.start_repair("ledger", actor="ada", keys=["Ada"]),
    ):
        with pytest.raises(NotKeyed, match="ledger is a SQL projection"):
            refused()
    with pytest.raises(InvalidMessage, match="Of a SQL projection all rows are compared: choose full"):
        runtime.start_check("ledger", actor="ada", level="rolling")
    assert runtime.projections.preflight("ledger").rate is None
    assert runtime.keys.indexed_to() == 0
    while runtime.keys.follow():
        pass
