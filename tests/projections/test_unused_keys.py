"""Ways of keying events that no program has: what was indexed for them goes, and never half of it is believed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from cqrs.projections import unused_keys
from cqrs.projections.key_follower import SIGN_SECONDS
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.unused_keys import UNUSED_FOR, forget_unused
from cqrs.readmodels.tables import event_keys, key_ids
from cqrs.store.database import Database
from cqrs.store.schema import READ, upgrade
from cqrs.store.sql import SqlEventStore
from tests.projections.library import TYPES, Members, append, borrowed, joined

LONG_AGO = timedelta(days=8)


@pytest.fixture
def database(database: Database) -> Database:
    upgrade(database, READ)
    return database


def index(database: Database) -> KeyIndex:
    return KeyIndex([Members], events=SqlEventStore(database), types=TYPES, database=database)


def indexed(database: Database) -> KeyIndex:
    keys = index(database)
    append(SqlEventStore(database), *(joined(f"m{n}") for n in range(5)), borrowed("m1"))
    while keys.follow():
        pass
    return keys


def age(database: Database, by: timedelta) -> None:
    with database.write() as connection:
        connection.execute(sa.update(key_ids).values(followed_at=datetime.now(UTC) - by))


def change_code(database: Database) -> None:
    """What is indexed was indexed by other code."""
    with database.write() as connection:
        connection.execute(sa.update(key_ids).values(fingerprint="other code"))


def entries(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(event_keys)).scalar_one()


def ways(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        return [(row.fingerprint, row.indexed_to) for row in connection.execute(sa.select(key_ids))]


def test_a_way_unused_for_a_week_is_forgotten(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unused_keys, "SLICE", 2)
    keys = indexed(database)
    assert entries(database) == 6
    change_code(database)
    age(database, LONG_AGO)
    assert keys.forget_unused() == 6
    assert (entries(database), ways(database)) == (0, [])
    while keys.follow():
        pass
    assert keys.positions_of("members", "m1") == [2, 6]
    assert entries(database) == 6


def test_what_the_running_code_uses_stays(database: Database) -> None:
    keys = indexed(database)
    age(database, LONG_AGO)
    assert keys.forget_unused() == 0
    assert entries(database) == 6


def test_another_program_that_still_runs_keeps_its_ways(database: Database) -> None:
    indexed(database)
    age(database, UNUSED_FOR - timedelta(hours=1))
    assert forget_unused(database, {}) == 0
    assert entries(database) == 6


def test_a_follower_says_now_and_then_that_it_is_there(database: Database) -> None:
    clock = [0.0]
    keys = KeyIndex(
        [Members], events=SqlEventStore(database), types=TYPES, database=database, monotonic=lambda: clock[0]
    )
    keys.follow()
    age(database, LONG_AGO)
    keys.follow()
    with database.read() as connection:
        assert database.now(connection) - signed(connection) > UNUSED_FOR, "not at every look"
    clock[0] += SIGN_SECONDS
    keys.follow()
    with database.read() as connection:
        assert database.now(connection) - signed(connection) < UNUSED_FOR


def signed(connection: sa.Connection) -> datetime:
    found = connection.execute(sa.select(key_ids.c.followed_at)).scalars().first()
    assert found is not None
    return found


def test_a_follower_that_comes_back_in_between_stops_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins anew while the first entries are gone: nothing more is taken from it."""
    monkeypatch.setattr(unused_keys, "SLICE", 2)
    keys = indexed(database)
    age(database, LONG_AGO)
    back = index(database)
    write = database.write

    def interrupted(*, durable: bool = True) -> AbstractContextManager[sa.Connection]:
        if entries(database) == 4:  # after the first slice
            monkeypatch.undo()
            while back.follow():
                pass
        return write(durable=durable)

    monkeypatch.setattr(database, "write", interrupted)
    assert forget_unused(database, {}) == 2
    assert keys.positions_of("members", "m1") == [2, 6]
    assert entries(database) == 6


def test_while_entries_go_a_lookup_reads_the_log_instead(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = indexed(database)
    age(database, LONG_AGO)
    monkeypatch.setattr(unused_keys, "SLICE", 2)
    seen: list[list[int]] = []
    write = database.write

    def watched(*, durable: bool = True) -> AbstractContextManager[sa.Connection]:
        seen.append(keys.positions_of("members", "m1"))
        return write(durable=durable)

    monkeypatch.setattr(database, "write", watched)
    assert forget_unused(database, {}) == 6
    assert len(seen) > 3
    assert all(positions == [2, 6] for positions in seen)
