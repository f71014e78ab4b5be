"""People and their single-use links."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cqrs.errors import AlreadyThere, InvalidName, NotFound, PersonDisabled
from cqrs.messages import Role
from cqrs.operators import tables
from cqrs.operators.people import BUILT_IN, LINK_LIFE, People
from cqrs.operators.sessions import Sessions
from cqrs.operators.tokens import Tokens
from cqrs.store.database import Database
from tests.operators.aging import age


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


def test_a_person_is_added_once(people: People) -> None:
    people.add("ada", Role.OPERATOR, by="grace")
    with pytest.raises(AlreadyThere):
        people.add("ada", Role.ADMIN, by="grace")
    (ada,) = people.list()
    assert (ada.name, ada.role, ada.created_by, ada.disabled_at) == ("ada", Role.OPERATOR, "grace", None)
    assert people.get("ada") == ada
    assert people.get("bob") is None


@pytest.mark.parametrize("name", ["", " ada", "a\nb", "a\0", "a\u202eb", "x" * 101, "Local", "system", "demo"])
def test_names_that_mislead_are_refused(people: People, name: str) -> None:
    with pytest.raises(InvalidName):
        people.add(name, Role.VIEWER, by="grace")


def test_a_link_signs_in_once(people: People) -> None:
    people.add("ada", Role.OPERATOR, by="grace")
    token = people.link("ada", by="grace")
    redeemed = people.redeem(token)
    assert redeemed is not None
    assert redeemed.name == "ada"
    assert people.redeem(token) is None
    assert people.redeem("something else") is None


def test_of_many_redemptions_at_once_a_single_one_succeeds(people: People) -> None:
    people.add("ada", Role.OPERATOR, by="grace")
    token = people.link("ada", by="grace")
    with ThreadPoolExecutor(8) as pool:
        redeemed = list(pool.map(lambda _: people.redeem(token), range(16)))
    assert sum(person is not None for person in redeemed) == 1


def test_a_link_lives_for_fifteen_minutes(people: People, database: Database) -> None:
    people.add("ada", Role.OPERATOR, by="grace")
    fresh, stale = people.link("ada", by="grace"), people.link("ada", by="grace")
    age(database, tables.sign_in_links, LINK_LIFE - timedelta(seconds=30))
    assert people.redeem(fresh) is not None
    age(database, tables.sign_in_links, timedelta(seconds=30))
    assert people.redeem(stale) is None


def test_the_database_does_not_hold_what_signs_in(people: People, database: Database) -> None:
    people.add("ada", Role.OPERATOR, by="grace")
    token = people.link("ada", by="grace")
    with database.read() as connection:
        stored = connection.scalar(sa.select(tables.sign_in_links.c.digest))
    assert stored
    assert token not in stored


def test_a_disabled_person_is_out_at_once_and_may_come_back(people: People, database: Database) -> None:
    ada = people.add("ada", Role.ADMIN, by="grace")
    sessions = Sessions(database)
    session = sessions.start(ada, address="::1", agent="")
    token = people.link("ada", by="grace")
    people.disable("ada", by="grace")
    assert sessions.read(session.id) is None
    assert people.redeem(token) is None
    with pytest.raises(PersonDisabled, match="people add ada"):
        people.link("ada", by="grace")
    assert people.add("ada", Role.VIEWER, by="grace").role is Role.VIEWER
    assert sessions.read(session.id) is None
    assert people.redeem(people.link("ada", by="grace")) is not None


def test_who_is_not_there_cannot_be_linked_or_disabled(people: People) -> None:
    with pytest.raises(NotFound, match="no person ada"):
        people.link("ada", by="grace")
    with pytest.raises(NotFound):
        people.disable("ada", by="grace")


def test_the_built_in_admin_is_not_someone_who_was_set_up(people: People) -> None:
    assert people.ensure_built_in() == people.ensure_built_in()
    assert people.redeem(people.link(BUILT_IN, by="system")) is not None
    assert not people.any()
    people.add("ada", Role.VIEWER, by="grace")
    assert people.any()
    people.disable("ada", by="grace")
    assert not people.any()


def test_a_person_and_a_token_do_not_share_a_name(people: People, database: Database) -> None:
    tokens = Tokens(database)
    tokens.add("robot", Role.VIEWER, by="grace")
    with pytest.raises(AlreadyThere, match="a token named robot"):
        people.add("robot", Role.VIEWER, by="grace")
    people.add("ada", Role.VIEWER, by="grace")
    with pytest.raises(AlreadyThere, match="a person named ada"):
        tokens.add("ada", Role.VIEWER, by="grace")


def test_old_links_are_forgotten(people: People, database: Database) -> None:
    people.add("ada", Role.OPERATOR, by="grace")
    people.link("ada", by="grace")
    assert people.prune() == 0
    age(database, tables.sign_in_links, timedelta(days=2))
    assert people.prune() == 1
