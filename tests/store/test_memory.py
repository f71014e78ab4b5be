"""The log in memory keeps the contract."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cqrs.clock import FixedClock
from cqrs.store.memory import MemoryEventStore
from cqrs.store.records import StateWrite, Work
from tests.contracts.event_store import EventStoreContract


class TestMemoryEventStore(EventStoreContract):
    @pytest.fixture
    def store(self, clock: FixedClock) -> MemoryEventStore:
        return MemoryEventStore(clock=clock)

    def test_it_has_no_tables_to_write(self, store: MemoryEventStore) -> None:
        work = Work(command_id="c", correlation_id="c", writes=(StateWrite(statement=sa.text("SELECT 1")),))
        with pytest.raises(TypeError, match="no tables"):
            store.commit(work)
