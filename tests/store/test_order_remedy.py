"""Ending whoever holds the order of the log: that transaction and no other, and only while it holds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
import sqlalchemy as sa

from cqrs.errors import HolderProtected, OrderNotHeld
from cqrs.store.order_remedy import end_holder
from cqrs.store.order_report import holders_of
from cqrs.store.ordering import SafeHead
from tests.store.bare_log import Writer

pytestmark = pytest.mark.postgres

Open = Callable[..., Writer]


def transactions(engine: sa.Engine) -> list[str]:
    """Of all that hold the order, the oldest first."""
    with engine.connect() as connection:
        return [each.transaction for each in holders_of(connection.connection.driver_connection)]


def test_its_append_is_rolled_back_and_the_events_behind_it_can_be_read(
    engine: sa.Engine, tracker: SafeHead, writer: Open
) -> None:
    slow, other, fast = writer("import"), writer(), writer()
    slow.append(2)
    other.append()
    fast.append_and_commit()
    assert tracker.advance() == 0
    ended = end_holder(engine, transactions(engine)[0])
    assert (ended.pid, ended.application) == (slow.connection.info.backend_pid, "import")
    with pytest.raises(psycopg.OperationalError):
        slow.connection.execute("SELECT 1")
    other.commit()
    assert tracker.advance() == 4
    assert tracker.dead == 2


def test_a_session_that_went_on_to_other_work_is_left_alone(engine: sa.Engine, writer: Open) -> None:
    one = writer()
    one.append()
    (before,) = transactions(engine)
    one.commit()
    with pytest.raises(OrderNotHeld, match="Nothing was ended"):
        end_holder(engine, before)
    one.append()
    with pytest.raises(OrderNotHeld):
        end_holder(engine, before)
    one.commit()


def test_one_that_appended_nothing_is_none_of_our_business(engine: sa.Engine, writer: Open) -> None:
    reader = writer()
    reader.connection.execute("SELECT count(*) FROM events")
    row = reader.connection.execute(
        "SELECT virtualtransaction FROM pg_locks WHERE pid = pg_backend_pid() LIMIT 1"
    ).fetchone()
    assert row is not None
    with pytest.raises(OrderNotHeld):
        end_holder(engine, row[0])
    reader.connection.execute("SELECT 1")


def test_a_prepared_transaction_is_rolled_back(engine: sa.Engine, tracker: SafeHead, writer: Open) -> None:
    slow, fast = writer(), writer()
    slow.append()
    fast.append_and_commit()
    slow.connection.execute("PREPARE TRANSACTION 'import of May, it''s 100 %'")
    (held,) = transactions(engine)
    ended = end_holder(engine, held)
    assert (ended.pid, ended.prepared) == (None, "import of May, it's 100 %")
    assert tracker.advance() == 2
    with pytest.raises(OrderNotHeld):
        end_holder(engine, held)


@pytest.fixture
def plain(engine: sa.Engine) -> Iterator[sa.Engine]:
    """For a role that may read the log and no more."""
    role = f"plain_{engine.url.database}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f'CREATE ROLE "{role}" LOGIN')
        connection.exec_driver_sql(f'GRANT SELECT ON events TO "{role}"')
    plain = sa.create_engine(engine.url.set(username=role))
    yield plain
    plain.dispose()
    with engine.begin() as connection:
        connection.exec_driver_sql(f'DROP OWNED BY "{role}"')
        connection.exec_driver_sql(f'DROP ROLE "{role}"')


@pytest.mark.parametrize("prepare", [False, True], ids=["session", "prepared"])
def test_what_our_role_may_not_end_is_said_in_a_sentence(
    engine: sa.Engine, plain: sa.Engine, writer: Open, prepare: bool
) -> None:
    slow = writer()
    slow.append()
    if prepare:
        slow.connection.execute("PREPARE TRANSACTION 'theirs'")
    (held,) = transactions(engine)
    with pytest.raises(HolderProtected) as refused:
        end_holder(plain, held)
    assert f"The database role plain_{engine.url.database} may not end a transaction of" in str(refused.value)
    assert refused.value.remedy in str(refused.value)
    assert transactions(engine) == [held]
    if prepare:
        end_holder(engine, held)
    else:
        slow.commit()
