"""A small domain for tests: a library that owns books and lends them, one reader at a time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import sqlalchemy as sa
from msgspec import Meta

from cqrs.aggregates import Aggregate
from cqrs.domain import Domain
from cqrs.messages import Command, Event, Metadata, Query, Secret, event
from cqrs.projections.projection import DELETE, Projection, on
from cqrs.queries import QueryContext
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.unit_of_work import UnitOfWork

Price = Annotated[Decimal, Meta(extra={"minimum": "0.01", "scale": 2, "max_digits": 9}, description="In euros.")]
Instant = Annotated[datetime, Meta(tz=True)]


def with_price(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"price": "0.01"}


@event("BookBought", version=2, upcasters={1: with_price})
class BookBought(Event):
    summary = "Bought {title!r} for {price}"

    book_id: str
    title: str
    price: Price


@event("BookLent")
class BookLent(Event):
    summary = "{reader} took book {book_id:.8}"

    book_id: str
    reader: str
    due: Instant | None = None


@event("BookReturned")
class BookReturned(Event):
    book_id: str


class BuyBook(Command):
    """Puts a book on the shelf. The shelf mark must be free."""

    title: Annotated[str, Meta(min_length=1, max_length=80)]
    price: Price
    mark: str
    code: Secret = ""


class LendBook(Command):
    book_id: str
    reader: str

    def stream_of(self) -> str:
        return f"book-{self.book_id}"


class ReturnBook(Command):
    book_id: str


class CountLent(Query):
    reads = ("lent_books",)


class BookByMark(Query):
    mark: str


class Book(Aggregate):
    category: ClassVar[str] = "book"

    title: str = ""
    reader: str | None = None

    def apply(self, event: Event) -> None:
        match event:
            case BookBought():
                self.title = event.title
            case BookLent():
                self.reader = event.reader
            case BookReturned():
                self.reader = None


marks = sa.Table(
    "marks", sa.MetaData(), sa.Column("mark", sa.Text, primary_key=True), sa.Column("book_id", sa.Text, nullable=False)
)

lent_books = sa.Table(
    "lent_books",
    sa.MetaData(),
    sa.Column("book_id", sa.Text, primary_key=True),
    sa.Column("reader", sa.Text),
    sa.Column("times", sa.BigInteger, default=0),
    sa.Column("fee", Money(9, 2), default=Decimal("0.00")),
    sa.Column("lent_at", UtcDateTime),
)


class LentBooks(Projection):
    """Which books are out, and who has them."""

    table = lent_books

    @on(BookLent, key="book_id", creates=True)
    def lent(row: Any, event: BookLent, meta: Metadata) -> None:
        row.reader, row.lent_at = event.reader, meta.recorded_at
        row.times += 1
        row.fee += Decimal("0.50")

    @on(BookReturned, key="book_id")
    def returned(row: Any, event: BookReturned) -> object:
        return DELETE


def buy_book(command: BuyBook, unit: UnitOfWork) -> dict[str, Any]:
    book = Book(unit.new_id())
    book.record(BookBought(book_id=book.id, title=command.title, price=command.price))
    taken = {"mark": "This shelf mark is taken."}
    unit.write(sa.insert(marks).values(mark=command.mark, book_id=book.id), unique=taken)
    unit.save(book)
    return {"book_id": book.id, "price": command.price}


def lend_book(command: LendBook, unit: UnitOfWork) -> None:
    book = unit.load(Book, command.book_id)
    if book.version == 0:
        unit.invalid(book_id="There is no such book.")
    if book.reader is not None:
        unit.invalid(book_id=f"{book.reader} has this book.")
    book.record(BookLent(book_id=book.id, reader=command.reader))
    unit.save(book)


def return_book(command: ReturnBook, unit: UnitOfWork) -> None:
    unit.append(f"book-{command.book_id}", BookReturned(book_id=command.book_id))


def count_lent(query: CountLent, read: QueryContext) -> object:
    return len(read.rows(sa.select(lent_books)))


def book_by_mark(query: BookByMark, read: QueryContext) -> object:
    return read.row(sa.select(marks).where(marks.c.mark == query.mark))


library = Domain(
    "library",
    events=[BookBought, BookLent, BookReturned],
    aggregates={"book": Book},
    command_handlers={BuyBook: buy_book, LendBook: lend_book, ReturnBook: return_book},
    query_handlers={CountLent: count_lent, BookByMark: book_by_mark},
    projections=[LentBooks],
    write_models=[marks],
)
