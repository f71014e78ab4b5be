"""What a command writes to its own tables goes with its events, or not at all."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cqrs.errors import ConcurrencyError, InvalidMessage
from cqrs.store.database import Database
from cqrs.store.records import StateWrite, StreamAppend, Work
from cqrs.store.sql import SqlEventStore
from tests.contracts.event_store import at_once, happened


@pytest.fixture
def store(database: Database) -> SqlEventStore:
    return SqlEventStore(database)


@pytest.fixture
def credentials(database: Database) -> sa.Table:
    table = sa.Table(
        "credentials",
        sa.MetaData(),
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, unique=True, nullable=False),
    )
    with database.write() as connection:
        table.create(connection)
    return table


def test_rows_and_events_are_committed_together(
    store: SqlEventStore, database: Database, credentials: sa.Table
) -> None:
    store.commit(sign_up(credentials, "user-1", "ada@example.org"))
    assert emails(database, credentials) == ["ada@example.org"]
    assert store.head() == 1


def test_a_taken_value_is_a_sentence_on_its_field(
    store: SqlEventStore, database: Database, credentials: sa.Table
) -> None:
    store.commit(sign_up(credentials, "user-1", "ada@example.org"))
    for dry_run in (True, False):
        with pytest.raises(InvalidMessage) as refused:
            store.commit(sign_up(credentials, "user-2", "ada@example.org"), dry_run=dry_run)
        assert refused.value.errors == {"email": ["This e-mail is taken."]}
    assert store.head() == 1


def test_a_taken_value_nobody_has_a_sentence_for_is_a_fault(store: SqlEventStore, credentials: sa.Table) -> None:
    store.commit(sign_up(credentials, "user-1", "ada@example.org"))
    with pytest.raises(sa.exc.IntegrityError):
        store.commit(sign_up(credentials, "user-1", "bob@example.org"))


def test_a_conflict_undoes_the_rows(store: SqlEventStore, database: Database, credentials: sa.Table) -> None:
    store.append("user-1", [happened()])
    with pytest.raises(ConcurrencyError):
        store.commit(sign_up(credentials, "user-1", "ada@example.org"))
    assert emails(database, credentials) == []


def test_a_dry_run_undoes_the_rows(store: SqlEventStore, database: Database, credentials: sa.Table) -> None:
    store.commit(sign_up(credentials, "user-1", "ada@example.org"), dry_run=True)
    assert emails(database, credentials) == []


def test_of_racing_sign_ups_with_one_address_one_succeeds(store: SqlEventStore, credentials: sa.Table) -> None:
    answers = at_once(8, lambda n: store.commit(sign_up(credentials, f"user-{n}", "ada@example.org")))
    assert sum(isinstance(answer, InvalidMessage) for answer in answers) == 7
    assert store.head() == 1


def sign_up(credentials: sa.Table, user_id: str, email: str) -> Work:
    insert = credentials.insert().values(user_id=user_id, email=email)
    return Work(
        command_id="c",
        correlation_id="c",
        appends=(StreamAppend(stream=user_id, events=(happened("UserCreated"),), expected=0),),
        writes=(StateWrite(statement=insert, unique={"email": "This e-mail is taken."}),),
    )


def emails(database: Database, credentials: sa.Table) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(sa.select(credentials.c.email)))
