"""Leases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cqrs.store.database import Database
from cqrs.workers import tables
from cqrs.workers.leases import Lease, Leases
from tests.operators.aging import age

TTL = timedelta(seconds=15)


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


def held(leases: Leases, database: Database, lease: Lease) -> bool:
    with database.write() as connection:
        return leases.still_held(connection, lease)


def test_one_owner_at_a_time(leases: Leases) -> None:
    mine = leases.acquire("scheduler", "a", TTL)
    assert mine == Lease("scheduler", "a", 1)
    assert leases.acquire("scheduler", "b", TTL) is None
    assert leases.acquire("scheduler", "a", TTL) == mine
    assert leases.acquire("other", "b", TTL) == Lease("other", "b", 1)


def test_a_lease_that_ran_out_goes_to_the_next_with_a_higher_token(leases: Leases, database: Database) -> None:
    old = leases.acquire("scheduler", "a", TTL)
    assert old is not None
    age(database, tables.leases, TTL)
    assert held(leases, database, old)
    new = leases.acquire("scheduler", "b", TTL)
    assert new == Lease("scheduler", "b", 2)
    assert leases.acquire("scheduler", "a", TTL) is None
    assert not held(leases, database, old)
    assert held(leases, database, new)


def test_an_owner_that_overslept_alone_keeps_its_token(leases: Leases, database: Database) -> None:
    old = leases.acquire("scheduler", "a", TTL)
    age(database, tables.leases, TTL * 2)
    assert leases.acquire("scheduler", "a", TTL) == old
    assert leases.acquire("scheduler", "b", TTL) is None


def test_a_released_lease_is_free_at_once_but_only_its_holder_releases_it(leases: Leases, database: Database) -> None:
    mine = leases.acquire("scheduler", "a", TTL)
    assert mine is not None
    leases.release(mine)
    theirs = leases.acquire("scheduler", "b", TTL)
    assert theirs == Lease("scheduler", "b", 2)
    leases.release(mine)
    assert leases.acquire("scheduler", "c", TTL) is None


def test_who_holds_a_lease_and_for_how_long(leases: Leases, database: Database) -> None:
    assert leases.holder("scheduler") is None
    mine = leases.acquire("scheduler", "a", TTL)
    assert mine is not None
    found = leases.holder("scheduler")
    assert found is not None
    assert (found.owner, found.token) == ("a", mine.token)
    assert 0 < found.seconds_left <= TTL.total_seconds()
    leases.release(mine)
    assert leases.holder("scheduler") is None
    assert leases.acquire("scheduler", "b", TTL) is not None
    age(database, tables.leases, TTL * 2)
    assert leases.holder("scheduler") is None
