"""How SQLite carries out the queries of the log."""

from __future__ import annotations

from typing import Any

import pytest

from cqrs.store import sqlite_log
from cqrs.store.database import Database, driver_of
from cqrs.store.listing import Page, listing
from cqrs.store.records import EventFilter
from cqrs.store.sql import SqlEventStore
from cqrs.store.sqlite_log import SqliteLog
from tests.contracts.event_store import CONDITIONS, PAIRS, happened


@pytest.fixture
def dialect() -> str:
    return "sqlite"


class TestQueryPlans:
    """However long the log is, a page costs what the page costs: no plan walks the table or sorts it."""

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("names", [(), *PAIRS], ids=lambda names: " and ".join(names) or "everything")
    def test_every_list_comes_from_an_index_in_its_order(
        self, database: Database, names: tuple[str, ...], descending: bool
    ) -> None:
        where = EventFilter(**{key: value for name in names for key, value in CONDITIONS[name][0].items()})
        select, values = listing(where, Page(5, 50, 10, descending), SqliteLog())
        plan = self.plan(database, select, values)
        assert not [step for step in plan if step.startswith("SCAN events")]
        searches = [step for step in plan if step.startswith("SEARCH events") and "(rowid=?" not in step]
        bound = "version>? AND version<?" if where.stream else "rowid>? AND rowid<?"
        assert searches
        assert all(bound in step for step in searches)
        # Types are merged in order, and lazily; only the page that was found is sorted once more.
        merged = "MERGE (UNION ALL)" in plan
        assert sum("TEMP B-TREE" in step for step in plan) == merged

    @pytest.mark.parametrize(
        ("where", "index"),
        [
            (EventFilter(stream="order-1", types=("A",), actor="ada"), "sqlite_autoindex_events_1"),
            (EventFilter(causation_id="c", correlation_id="c", types=("A",)), "ix_events_causation_id"),
            (EventFilter(correlation_id="c", category="order", actor="ada"), "ix_events_correlation_id"),
            (EventFilter(types=("A",), category="order", actor="ada"), "ix_events_type"),
            (EventFilter(category="order", actor="ada"), "ix_events_category"),
            (EventFilter(actor="ada", text="gift"), "ix_events_actor"),
            (EventFilter(text="gift"), "PRIMARY KEY"),
        ],
    )
    def test_the_condition_that_finds_least_chooses_the_index(
        self, database: Database, where: EventFilter, index: str
    ) -> None:
        plan = self.plan(database, *listing(where, Page(0, 50, 10), SqliteLog()))
        assert sum(step.startswith("SEARCH events") for step in plan) == 1
        assert any(f"SEARCH events USING {'INTEGER' if 'KEY' in index else 'INDEX'} {index}" in step for step in plan)

    @pytest.mark.parametrize(("types", "merged"), [(0, False), (1, False), (1, True), (3, False), (3, True)])
    def test_bulk_reads_walk_the_log_in_order(self, database: Database, types: int, merged: bool) -> None:
        select = sqlite_log._raw_select(("position", "data"), types, merged)
        values = {"after": 0, "until": 9, "limit": 9} | {f"type{n}": "A" for n in range(types)}
        plan = self.plan(database, select, values)
        assert not [step for step in plan if step.startswith("SCAN events")]
        assert sum("TEMP B-TREE" in step for step in plan) <= merged

    @pytest.mark.parametrize(("common", "through_the_index"), [(True, False), (False, True)])
    def test_rare_types_are_sought_and_common_ones_met(
        self, database: Database, common: bool, through_the_index: bool
    ) -> None:
        store = SqlEventStore(database)
        store.append("order-1", [happened("Common" if common or n % 10 == 0 else "Filler") for n in range(100)])
        executed: list[str] = []
        with database.read() as connection:
            driver_of(connection).set_trace_callback(executed.append)
            SqliteLog().raw_events(connection, 0, 200, ("Common",), 50, ("position",))
            driver_of(connection).set_trace_callback(None)
        assert any("found" in statement for statement in executed) == through_the_index

    @staticmethod
    def plan(database: Database, select: str, values: dict[str, Any]) -> list[str]:
        with database.read() as connection:
            return [row[3] for row in driver_of(connection).execute(f"EXPLAIN QUERY PLAN {select}", values)]
