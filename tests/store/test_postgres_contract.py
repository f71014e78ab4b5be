"""The log on PostgreSQL keeps what every log promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cqrs.clock import FixedClock
from cqrs.store.database import Database
from cqrs.store.event_store import EventStore
from cqrs.store.sql import SqlEventStore
from tests.contracts.event_store import EventStoreContract

pytestmark = pytest.mark.postgres


@pytest.fixture(params=["postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestPostgres(EventStoreContract):
    @pytest.fixture
    def store(self, database: Database, clock: FixedClock) -> Iterator[EventStore]:
        store = SqlEventStore(database, clock=clock)
        yield store
        store.close()
