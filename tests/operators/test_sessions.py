"""Sessions of signed-in browsers."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from cqrs.messages import Role
from cqrs.operators import tables
from cqrs.operators.people import People, Person
from cqrs.operators.sessions import IDLE, LONGEST, Session, Sessions
from cqrs.store.database import Database
from tests.operators.aging import age


@pytest.fixture
def sessions(database: Database) -> Sessions:
    return Sessions(database)


@pytest.fixture
def ada(database: Database) -> Person:
    return People(database).add("ada", Role.OPERATOR, by="grace")


def start(sessions: Sessions, person: Person) -> Session:
    return sessions.start(person, address="192.0.2.7", agent="Firefox")


def test_a_session_is_read_back_and_each_has_its_own_secrets(sessions: Sessions, ada: Person) -> None:
    first, second = start(sessions, ada), start(sessions, ada)
    assert sessions.read(first.id) == first
    assert (first.person, first.role, first.address) == ("ada", Role.OPERATOR, "192.0.2.7")
    assert len({first.id, second.id, first.csrf, second.csrf}) == 4
    assert sessions.read("made up") is None


def test_the_database_does_not_hold_the_id(sessions: Sessions, ada: Person, database: Database) -> None:
    session = start(sessions, ada)
    with database.read() as connection:
        row = connection.execute(sa.select(tables.sessions)).one()
    assert session.id not in tuple(row)


def test_the_role_is_that_of_the_person_now(sessions: Sessions, ada: Person, database: Database) -> None:
    session = start(sessions, ada)
    with database.write() as connection:
        connection.execute(tables.people.update().values(role="viewer"))
    read = sessions.read(session.id)
    assert read is not None
    assert read.role is Role.VIEWER


def test_an_idle_session_ends_and_one_in_use_does_not(sessions: Sessions, ada: Person, database: Database) -> None:
    used, idle = start(sessions, ada), start(sessions, ada)
    age(database, tables.sessions, IDLE - timedelta(seconds=30))
    sessions.resume(used.id)
    age(database, tables.sessions, timedelta(seconds=30))
    assert sessions.read(used.id) is not None
    assert sessions.read(idle.id) is None
    sessions.resume(idle.id)
    assert sessions.read(idle.id) is None


def test_a_session_ends_after_twelve_hours_however_busy(sessions: Sessions, ada: Person, database: Database) -> None:
    session = start(sessions, ada)
    for _ in range(int(LONGEST / timedelta(minutes=20))):
        assert sessions.read(session.id) is not None
        age(database, tables.sessions, timedelta(minutes=20))
        sessions.resume(session.id)
    assert sessions.read(session.id) is None


def test_a_click_a_second_is_not_a_commit_a_second(sessions: Sessions, ada: Person, database: Database) -> None:
    session = start(sessions, ada)
    sessions.resume(session.id)
    assert sessions.read(session.id) == session
    age(database, tables.sessions, timedelta(seconds=61))
    sessions.resume(session.id)
    read = sessions.read(session.id)
    assert read is not None
    assert read.seen_at > session.seen_at - timedelta(seconds=61)


def test_ending_one_session_or_all_of_a_person(sessions: Sessions, ada: Person) -> None:
    first, second, third = (start(sessions, ada) for _ in range(3))
    sessions.end(first.id)
    assert sessions.read(first.id) is None
    assert sessions.end_all("ada") == 2
    assert sessions.read(second.id) is sessions.read(third.id) is None


def test_sessions_that_are_over_are_forgotten(sessions: Sessions, ada: Person, database: Database) -> None:
    start(sessions, ada)
    age(database, tables.sessions, IDLE)
    fresh = start(sessions, ada)
    assert sessions.prune() == 1
    assert sessions.read(fresh.id) is not None
