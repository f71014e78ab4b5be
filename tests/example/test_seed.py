"""Demo data project cleanly and hold something of everything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from cqrs.clock import FixedClock
from cqrs.example import domain
from cqrs.example.credentials import credentials
from cqrs.example.seed import seed
from cqrs.runtime import Runtime
from cqrs.store.records import EventFilter, RecordedEvent
from cqrs.testing import temporary_runtime

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
CUSTOMERS, ORDERS = 40, 300


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A small demo shop, projected."""
    with temporary_runtime(tmp_path_factory.mktemp("seed"), domain, clock=FixedClock(NOW)) as runtime:
        seed(runtime, customers=CUSTOMERS, orders=ORDERS)
        runtime.projections.catch_up()
        yield runtime


def events(runtime: Runtime, *types: str) -> list[RecordedEvent]:
    return runtime.events.read_all(limit=10_000, where=EventFilter(types=types))


def rows(runtime: Runtime, name: str) -> int:
    with runtime.read.read() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM {name}")).scalar_one())


def test_all_of_it_projects_cleanly(runtime: Runtime) -> None:
    head = runtime.events.head()
    for status in runtime.projections.statuses():
        assert (status.parked, status.failure, status.checkpoint) == (0, None, head)


def test_every_kind_of_event_happened(runtime: Runtime) -> None:
    assert len(events(runtime, "UserCreated")) == CUSTOMERS
    assert len(events(runtime, "OrderPlaced")) == ORDERS
    assert events(runtime, "UserUpdated")
    assert events(runtime, "UserDeleted")
    assert events(runtime, "OrderCancelled")


def test_some_users_are_stored_by_version_1(runtime: Runtime) -> None:
    versions = {event.schema_version for event in events(runtime, "UserCreated")}
    assert versions == {1, 2}
    old = next(event for event in events(runtime, "UserCreated") if event.schema_version == 1)
    assert '"id"' in old.data
    assert '"user_id"' not in old.data


def test_read_models_hold_what_is_left(runtime: Runtime) -> None:
    left = len(events(runtime, "UserDeleted"))
    assert rows(runtime, "users") == rows(runtime, "user_stats") == CUSTOMERS - left
    assert rows(runtime, "orders") == ORDERS
    assert 20 < rows(runtime, "daily_sales") <= 91


def test_events_carry_the_times_of_the_story_in_order_and_none_from_the_future(runtime: Runtime) -> None:
    times = [event.recorded_at for event in events(runtime)]
    assert times == sorted(times)
    assert times[0] > NOW - timedelta(days=91)
    assert NOW - timedelta(minutes=2) < times[-1] <= NOW


def test_an_order_bears_the_time_it_was_recorded_at(runtime: Runtime) -> None:
    for event in events(runtime, "OrderPlaced"):
        assert f'"ordered_at":"{event.recorded_at.isoformat()[:19]}' in event.data


def test_living_users_can_be_deleted_and_their_addresses_are_taken(runtime: Runtime) -> None:
    with runtime.main.read() as connection:
        known = connection.execute(sa.select(credentials)).all()
    assert len(known) == rows(runtime, "users")
    assert len({row.password_hash for row in known}) == 1
    assert all(row.password_hash.startswith("$argon2id$") for row in known)


def test_every_event_reads_as_a_sentence(runtime: Runtime) -> None:
    assert all(runtime.summary(event) for event in events(runtime))


def test_the_demo_says_who_it_was(runtime: Runtime) -> None:
    assert {event.actor for event in events(runtime)} == {"demo"}


def test_the_same_shop_comes_out_every_time(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> None:
    with temporary_runtime(tmp_path_factory.mktemp("again"), domain, clock=FixedClock(NOW)) as again:
        seed(again, customers=CUSTOMERS, orders=ORDERS)
        assert [(e.stream, e.data) for e in events(again)] == [(e.stream, e.data) for e in events(runtime)]
