"""A public library, small enough to know by heart: members borrow and return books, and owe fees."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from cqrs.identifiers import new_id
from cqrs.messages import Event, Metadata, event
from cqrs.projections.projection import DELETE, Projection, on
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.store.event_store import EventStore
from cqrs.store.records import NewEvent
from cqrs.store.serialization import EventTypes

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def with_member_id(data: dict[str, Any]) -> dict[str, Any]:
    return {"member_id": data["id"], "name": data["name"]}


@event("MemberJoined", version=2, upcasters={1: with_member_id})
class MemberJoined(Event):
    member_id: str
    name: str


@event("MemberLeft")
class MemberLeft(Event):
    member_id: str


@event("BookBorrowed")
class BookBorrowed(Event):
    member_id: str
    book: str
    borrowed_at: datetime
    fee: Decimal = Decimal(0)


@event("BookPassedOn")
class BookPassedOn(Event):
    """One member hands a book to another."""

    giver: str
    taker: str
    fee: Decimal = Decimal(0)


@event("ShelfPainted")
class ShelfPainted(Event):
    """Nobody projects it."""

    colour: str


TYPES = EventTypes([MemberJoined, MemberLeft, BookBorrowed, BookPassedOn, ShelfPainted])

tables = sa.MetaData()

members = sa.Table(
    "members",
    tables,
    sa.Column("member_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("loans", sa.BigInteger, nullable=False, default=0),
    sa.Column("owed", Money, nullable=False, default=0),
    sa.Column("last_loan_at", UtcDateTime),
    sa.Column("books", sa.JSON, nullable=False, default=[]),
)

days = sa.Table(
    "days",
    tables,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("book", sa.Text, primary_key=True),
    sa.Column("loans", sa.BigInteger, nullable=False, default=0),
    sa.Column("last_actor", sa.Text),
)


def both(event: BookPassedOn) -> list[str]:
    return [event.giver, event.taker]


class Members(Projection):
    """What members borrowed and owe."""

    table = members

    @on(MemberJoined, key="member_id", creates=True)
    def joined(row: Any, event: MemberJoined) -> None:
        row.name = event.name

    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        row.loans += 1
        row.owed += event.fee
        row.last_loan_at = event.borrowed_at
        row.books.append(event.book)

    @on(BookPassedOn, key=both)
    def passed_on(row: Any, event: BookPassedOn) -> None:
        row.loans += 1 if row.key == event.taker else -1
        row.owed += event.fee

    @on(MemberLeft, key="member_id")
    def left(row: Any, event: MemberLeft) -> object:
        return DELETE


def day_and_book(event: BookBorrowed, meta: Metadata) -> tuple[date, str]:
    return meta.recorded_at.date(), event.book


class Days(Projection):
    """Loans of each book by day."""

    table = days
    on_error = "stop"

    @on(BookBorrowed, key=day_and_book, creates=True)
    def borrowed(row: Any, event: BookBorrowed, meta: Metadata) -> None:
        row.loans += 1
        row.last_actor = meta.actor


def recorded(happened: Event, *, actor: str = "ada", at: datetime = NOON) -> NewEvent:
    name, version, data = TYPES.encode(happened)
    return stored(name, data, version=version, actor=actor, at=at)


def stored(name: str, data: bytes, *, version: int = 1, actor: str = "ada", at: datetime = NOON) -> NewEvent:
    """An event as some other program may have written it."""
    return NewEvent(
        type=name,
        schema_version=version,
        data=data,
        event_id=new_id(),
        correlation_id="visit-1",
        causation_id=None,
        actor=actor,
        recorded_at=at,
    )


def append(events: EventStore, *happened: Event | NewEvent) -> int:
    """To one stream; returns the last position."""
    new = [each if isinstance(each, NewEvent) else recorded(each) for each in happened]
    return events.append("library-1", new)[-1].position


def joined(member: str, name: str = "Ada") -> MemberJoined:
    return MemberJoined(member_id=member, name=name)


def borrowed(member: str, book: str = "Emma", fee: str = "0.50") -> BookBorrowed:
    return BookBorrowed(member_id=member, book=book, borrowed_at=NOON, fee=Decimal(fee))
