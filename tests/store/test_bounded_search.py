"""However long the log is, a list and its facets look at no more events than a window of them, on both databases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cqrs.store import event_store, schema
from cqrs.store.database import Database, driver_of
from cqrs.store.facets import facet_select
from cqrs.store.listing import Page, Select, edge, listing
from cqrs.store.log import Log
from cqrs.store.log_choice import log_of
from cqrs.store.log_reader import LAST
from cqrs.store.opening import open_database
from cqrs.store.postgres_log import _placeholders
from cqrs.store.records import EventFilter, StreamAppend, Work
from cqrs.store.reports import _CATEGORIES, _TYPES, type_count
from cqrs.store.sql import SqlEventStore
from cqrs.store.type_versions import versions_select
from tests.contracts.event_store import MORNING, happened
from tests.postgres import create_database, drop_database

SHORT, LONG = 4_000, 40_000
WINDOW, LIMIT = 50, 10
DAY = timedelta(days=1)

#: What never or seldom meets: the worst that can be asked for.
CONDITIONS: dict[str, dict[str, Any]] = {
    "common type": {"types": ("Common",)},
    "type of long ago": {"types": ("Retired",)},
    "types": {"types": ("Common", "Retired")},
    "long stream": {"stream": "long-1"},
    "category": {"category": "order"},
    "correlation": {"correlation_id": "batch"},
    "causation": {"causation_id": "batch"},
    "common actor": {"actor": "web"},
    "actor of long ago": {"actor": "founder"},
    "since": {"since": MORNING - DAY},
    "until": {"until": MORNING + DAY},
    "text": {"text": "nowhere"},
    "field": {"spelled": ('"amount":"0"', '"amount":0')},
}
COMBINATIONS = [
    names
    for count in (0, 1, 2, 3)
    for names in itertools.combinations(CONDITIONS, count)
    if len({key for name in names for key in CONDITIONS[name]}) == count
]


def filled(database: Database, count: int) -> Database:
    """The first twentieth is another world: its types, actors and streams never come back."""
    store = SqlEventStore(database)
    for start in range(0, count, 4_000):
        appends = []
        for n in range(start, min(start + 4_000, count)):
            old = n < count // 20
            event = happened(
                "Retired" if old else "Common",
                actor="founder" if old else "web",
                correlation_id="batch" if n % 2 else f"basket-{n}",
                causation_id="batch" if n % 2 else None,
                recorded_at=MORNING,
            )
            appends.append(StreamAppend(stream="long-1" if n % 2 else f"order-{n}", events=(event,)))
        store.commit(Work(command_id="c", correlation_id="c", appends=tuple(appends)))
    return database


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Database]]:
    root = tmp_path_factory.mktemp("logs")
    databases = [open_database(f"sqlite:///{count}.db", root=root) for count in (SHORT, LONG)]
    for database, count in zip(databases, (SHORT, LONG), strict=True):
        schema.upgrade(database, schema.MAIN)
        filled(database, count)
    yield databases
    for database in databases:
        database.dispose()


@pytest.fixture(scope="module")
def log() -> Iterator[Database]:
    url = create_database()
    database = open_database(url, root=Path())
    schema.upgrade(database, schema.MAIN)
    filled(database, LONG)
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE events")
    yield database
    database.dispose()
    drop_database(url)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_store, "WINDOW", WINDOW)


def where_of(names: tuple[str, ...]) -> EventFilter:
    return EventFilter(**{key: value for name in names for key, value in CONDITIONS[name].items()})


def selects_of(where: EventFilter, words: Log, end: int) -> Iterator[tuple[str, Select]]:
    """All that a page of this list may ask, in both directions."""
    for descending in (False, True):
        page = Page(0, end, LIMIT, descending)
        yield "list", listing(where, page, words)
        yield "edge", edge(where, page, words)
    facets, values = facet_select(where, Page(0, end, WINDOW, True), words)
    yield "facets", (facets, {**values, "groups": WINDOW})


class TestSqlite:
    """Counts steps of SQLite's machine, which no clock can make more or fewer."""

    @pytest.mark.parametrize("names", COMBINATIONS, ids=lambda names: " and ".join(names) or "everything")
    def test_a_log_of_ten_times_the_length_takes_no_more_steps(
        self, logs: list[Database], names: tuple[str, ...]
    ) -> None:
        words = log_of(logs[0])
        short, long = (
            {
                (n, name): steps(database, *select)
                for n, (name, select) in enumerate(selects_of(where_of(names), words, end))
            }
            for database, end in zip(logs, (SHORT, LONG), strict=True)
        )
        for key, count in long.items():
            assert count <= short[key] * 1.2 + 100, key

    def test_summaries_do_not_grow_with_the_log_either(self, logs: list[Database]) -> None:
        words = log_of(logs[0])
        skipping = [
            (select.format(category=words.category), {"after": "", "limit": 9}) for select in (_TYPES, _CATEGORIES)
        ]
        by_type = [
            select
            for type in ("Common", "Retired", "Nothing")
            for select in (type_count(type, 30, words), versions_select(type, 30, LAST, words))
        ]
        for select in (*skipping, *by_type):
            short, long = (steps(database, *select) for database in logs)
            assert long <= short * 1.2 + 100, select


class TestPostgres:
    """Counts the rows that the nodes of a plan let through and took away."""

    pytestmark = pytest.mark.postgres

    @pytest.mark.parametrize("names", COMBINATIONS, ids=lambda names: " and ".join(names) or "everything")
    def test_no_plan_meets_more_than_a_window(self, log: Database, names: tuple[str, ...]) -> None:
        where = where_of(names)
        for name, select in selects_of(where, log_of(log), LONG):
            scans = list(scans_of(plan(log, *select)))
            assert not [scan for scan in scans if scan["Node Type"] == "Seq Scan"], name
            assert sum(map(met, scans)) <= WINDOW * (1 + len(where.types)), (name, scans)

    @pytest.mark.parametrize(
        "names", [("common type", "category"), ("category", "common actor"), ("common type", "text")]
    )
    def test_a_window_that_is_much_of_the_log_ends_the_search_as_well(
        self, log: Database, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A planner left alone reads all that fit, sorts them and throws most of them away."""
        window = LONG // 5
        monkeypatch.setattr(event_store, "WINDOW", window)
        for name, select in selects_of(where_of(names), log_of(log), LONG):
            scans = list(scans_of(plan(log, *select)))
            assert sum(map(met, scans)) <= window, (name, scans)

    def test_one_stream_is_read_by_its_index_however_much_may_be_asked_of_it(self, log: Database) -> None:
        select = listing(EventFilter(stream="nobody-1"), Page(0, LAST, LAST, True), log_of(log))
        (scan,) = scans_of(plan(log, *select))
        assert (scan["Node Type"], met(scan)) == ("Index Scan", 0)

    def test_a_type_is_counted_no_further_than_asked(self, log: Database) -> None:
        for type in ("Common", "Retired", "Nothing"):
            scans = list(scans_of(plan(log, *type_count(type, 30, log_of(log)))))
            assert sum(map(met, scans)) <= 30, scans
            scans = list(scans_of(plan(log, *versions_select(type, 30, LAST, log_of(log)))))
            assert sum(map(met, scans)) <= 60, scans


def steps(database: Database, select: str, values: dict[str, Any]) -> int:
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    with database.read() as connection:
        driver = driver_of(connection)
        driver.set_progress_handler(step, 1)
        try:
            driver.execute(select, values).fetchall()
        finally:
            driver.set_progress_handler(None, 1)
    return count


def plan(database: Database, select: str, values: dict[str, Any]) -> dict[str, Any]:
    explained = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {_placeholders(select)}"
    with database.read(by_index=True) as connection:
        root: dict[str, Any] = driver_of(connection).execute(explained, values).fetchone()[0][0]["Plan"]
        return root


def scans_of(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    inner = node.get("Plans", [])
    if "Scan" in node["Node Type"] and node["Node Type"] not in ("Subquery Scan", "CTE Scan", "WorkTable Scan"):
        yield node
    for each in inner:
        yield from scans_of(each)


def met(scan: dict[str, Any]) -> int:
    return int((scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"])
