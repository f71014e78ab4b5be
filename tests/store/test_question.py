"""What is asked past SQLAlchemy comes back as SQLAlchemy would give it, and as of one moment."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from cqrs.errors import CqrsError
from cqrs.store.database import Database
from cqrs.store.database_time import database_now
from cqrs.store.instants import Instant
from cqrs.store.question import Question

MOMENT = datetime(2026, 1, 31, 12, 0, 5, 123456, tzinfo=UTC)
notes = sa.Table(
    "notes",
    sa.MetaData(),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("share", sa.Float),
    sa.Column("open", sa.Boolean),
    sa.Column("at", Instant()),
)
ROWS = [
    {"n": 1, "kind": "a", "share": 0.5, "open": True, "at": MOMENT},
    {"n": 2, "kind": "b", "share": None, "open": None, "at": None},
    {"n": 3, "kind": "c", "share": 1.0, "open": False, "at": MOMENT},
]


@pytest.fixture
def noted(database: Database) -> Database:
    with database.write() as connection:
        notes.create(connection)
        connection.execute(notes.insert(), ROWS)
    return database


@pytest.mark.parametrize("keep_plan", [True, False])
def test_columns_have_the_values_of_their_types(noted: Database, keep_plan: bool) -> None:
    question = Question(sa.select(notes).order_by(notes.c.n), keep_plan=keep_plan)
    for _ in range(2):
        assert [row._asdict() for row in noted.ask(question)] == ROWS


def test_parameters_and_lists_reach_the_driver(noted: Database) -> None:
    of_kinds = sa.select(notes.c.n).where(notes.c.kind.in_(("a", "c")), notes.c.n >= sa.bindparam("least", 0))
    question = Question(of_kinds.order_by(notes.c.n))
    assert [row.n for row in noted.ask(question, least=1)] == [1, 3]
    assert [row.n for row in noted.ask(question, least=2)] == [3]


def test_each_answer_is_of_its_own_moment(noted: Database) -> None:
    question = Question(sa.select(sa.func.count().label("rows"), database_now().label("now")).select_from(notes))
    before = noted.ask(question)[0]
    with noted.read() as connection:
        assert noted.ask_within(connection, question)[0].rows == 3
        with noted.write() as writer:
            writer.execute(notes.delete())
        assert noted.ask_within(connection, question)[0].rows == 3
        assert noted.ask(question)[0].rows == 0
    assert noted.ask(question)[0].now > before.now


def test_what_cannot_be_answered_spoils_no_connection(noted: Database) -> None:
    with pytest.raises((CqrsError, noted.engine.dialect.loaded_dbapi.Error)):
        noted.ask(Question(sa.select(sa.column("x", sa.Integer)).select_from(sa.table("nothing_of_this_name"))))
    assert len(noted.ask(Question(sa.select(notes.c.n)))) == 3
    with noted.write() as connection:
        connection.execute(notes.delete())
