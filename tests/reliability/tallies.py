"""The library's members once more, counted by statements: whatever is applied twice counts twice, in two tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cqrs.messages import Event
from cqrs.projections.sql_projection import SqlProjection
from cqrs.readmodels.types import Money
from tests.projections.library import BookBorrowed, MemberJoined

TORN = "a book with torn pages"

tables = sa.MetaData()

tallies = sa.Table(
    "tallies",
    tables,
    sa.Column("member_id", sa.Text, primary_key=True),
    sa.Column("loans", sa.BigInteger, nullable=False),
    sa.Column("owed", Money, nullable=False),
)
lent = sa.Table(
    "lent", tables, sa.Column("book", sa.Text, primary_key=True), sa.Column("loans", sa.BigInteger, nullable=False)
)


class TornPages(Exception):
    """What a handler raises that does not know an event."""


class Tallies(SqlProjection):
    """What members borrowed and owe, and how often each book was borrowed by one of them."""

    tables = (tallies, lent)
    events = (MemberJoined, BookBorrowed)

    def handle(connection: sa.Connection, event: Event, tables: Any) -> None:
        tallies, lent = tables["tallies"], tables["lent"]
        match event:
            case MemberJoined():
                connection.execute(sa.insert(tallies).values(member_id=event.member_id, loans=0, owed=0))
            case BookBorrowed():
                counted = {"loans": tallies.c.loans + 1, "owed": tallies.c.owed + event.fee}
                whose = tallies.c.member_id == event.member_id
                if connection.execute(sa.update(tallies).where(whose).values(counted)).rowcount == 0:
                    return
                if event.book == TORN:
                    raise TornPages  # half of it is done
                again = sa.update(lent).where(lent.c.book == event.book).values(loans=lent.c.loans + 1)
                if connection.execute(again).rowcount == 0:
                    connection.execute(sa.insert(lent).values(book=event.book, loans=1))
