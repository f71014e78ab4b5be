"""Bearer tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from cqrs.errors import AlreadyThere, InvalidName, NotFound
from cqrs.messages import Role
from cqrs.operators import tables
from cqrs.operators.principal import Principal
from cqrs.operators.tokens import Tokens
from cqrs.store.database import Database
from tests.operators.aging import age


@pytest.fixture
def tokens(database: Database) -> Tokens:
    return Tokens(database)


def test_a_token_speaks_for_its_name_and_role(tokens: Tokens) -> None:
    text = tokens.add("robot", Role.OPERATOR, by="grace")
    assert tokens.verify(text) == Principal("robot", Role.OPERATOR, "token")
    for other in ("", text[:-1], text + "x", "prj_\ud800"):
        assert tokens.verify(other) is None


def test_the_database_does_not_hold_the_token(tokens: Tokens, database: Database) -> None:
    text = tokens.add("robot", Role.OPERATOR, by="grace")
    with database.read() as connection:
        assert text not in tuple(connection.execute(sa.select(tables.tokens)).one())


def test_a_revoked_token_is_out_at_once_and_its_name_is_free(tokens: Tokens) -> None:
    old = tokens.add("robot", Role.OPERATOR, by="grace")
    with pytest.raises(AlreadyThere):
        tokens.add("robot", Role.ADMIN, by="grace")
    tokens.revoke("robot", by="grace")
    assert tokens.verify(old) is None
    with pytest.raises(NotFound):
        tokens.revoke("robot", by="grace")
    new = tokens.add("robot", Role.VIEWER, by="grace")
    assert tokens.verify(new) is not None
    assert tokens.verify(old) is None
    assert sorted(token.revoked_at is None for token in tokens.list()) == [False, True]


def test_the_last_use_is_noted_now_and_then(tokens: Tokens, database: Database) -> None:
    text = tokens.add("robot", Role.OPERATOR, by="grace")
    assert tokens.list()[0].used_at is None
    tokens.verify(text)
    first = tokens.list()[0].used_at
    assert first is not None
    tokens.verify(text)
    assert tokens.list()[0].used_at == first
    age(database, tables.tokens, timedelta(minutes=6))
    tokens.verify(text)
    latest = tokens.list()[0].used_at
    assert latest is not None
    assert latest >= first


def test_a_name_is_checked(tokens: Tokens) -> None:
    with pytest.raises(InvalidName):
        tokens.add("system", Role.VIEWER, by="grace")
