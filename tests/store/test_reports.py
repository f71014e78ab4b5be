"""Answers about the whole log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cqrs.store.database import Database, driver_of
from cqrs.store.log_choice import log_of
from cqrs.store.records import StreamAppend, Work
from cqrs.store.reports import _CATEGORIES, _STREAM_COUNT, _STREAMS, _TYPES, Count, Reports
from cqrs.store.sql import SqlEventStore
from tests.contracts.event_store import MORNING, happened

NAMES = ["order", "order-1", "order-2", "order 3", "orders-1", "stock-1-a", "user-1", "user-2", "user-10", "Ärger-1"]


@pytest.fixture
def reports(database: Database) -> Reports:
    def growing(name: str, length: int) -> StreamAppend:
        times = (MORNING + timedelta(minutes=minute) for minute in range(length))
        return StreamAppend(stream=name, events=tuple(happened(recorded_at=time) for time in times))

    appends = tuple(growing(name, n) for n, name in enumerate(NAMES, start=1))
    SqlEventStore(database).commit(Work(command_id="c", correlation_id="c", appends=appends))
    return Reports(database)


def names(reports: Reports, **how: object) -> list[str]:
    """All of them, three a page."""
    found: list[str] = []
    cursor = None
    while True:
        page = reports.streams(cursor=cursor, limit=3, **how)  # type: ignore[arg-type]
        found += [item.stream for item in page.items]
        cursor = page.next
        if cursor is None:
            return found


def test_a_stream_is_summed_up(reports: Reports) -> None:
    summary = reports.streams(prefix="order-2").items[0]
    assert (summary.stream, summary.version) == ("order-2", 3)
    assert (summary.first_at, summary.last_at) == (MORNING, MORNING + timedelta(minutes=2))
    assert summary.last_position == 6


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ({}, sorted(NAMES)),
        ({"category": "order"}, ["order", "order-1", "order-2"]),
        ({"category": "order 3"}, ["order 3"]),
        ({"category": "user"}, ["user-1", "user-10", "user-2"]),
        ({"category": "use"}, []),
        ({"category": ""}, []),
        ({"prefix": "order"}, ["order", "order 3", "order-1", "order-2", "orders-1"]),
        ({"prefix": "user-1"}, ["user-1", "user-10"]),
        ({"prefix": "%"}, []),
        ({"prefix": "Ä"}, ["Ärger-1"]),
        ({"category": "user", "prefix": "user-1"}, ["user-1", "user-10"]),
        ({"category": "user", "prefix": "order"}, []),
        ({"category": "order", "prefix": "order-"}, ["order-1", "order-2"]),
    ],
)
def test_streams_are_listed_by_name_page_by_page(reports: Reports, how: dict[str, str], found: list[str]) -> None:
    assert names(reports, **how) == found


def test_the_last_page_has_no_next(reports: Reports) -> None:
    assert reports.streams(limit=len(NAMES)).next is None
    assert reports.streams(limit=len(NAMES) - 1).next is not None


def test_streams_are_counted_up_to_a_cap(reports: Reports) -> None:
    assert reports.stream_count() == reports.stream_count(10) == Count(value=10, capped=False)
    assert reports.stream_count(9) == Count(value=9, capped=True)


def test_categories_are_listed(reports: Reports) -> None:
    assert reports.categories() == ("order", "order 3", "orders", "stock", "user", "Ärger")
    assert reports.categories(limit=2) == ("order", "order 3")


def test_events_are_counted_by_type_up_to_a_cap(database: Database) -> None:
    store = SqlEventStore(database)
    store.append("order-1", [happened("OrderPlaced"), happened("OrderCancelled"), happened("OrderPlaced")])
    reports = Reports(database)
    assert reports.event_types() == ("OrderCancelled", "OrderPlaced")
    assert reports.event_types(after="OrderCancelled") == ("OrderPlaced",)
    assert reports.type_counts(cap=1) == {
        "OrderCancelled": Count(value=1, capped=False),
        "OrderPlaced": Count(value=1, capped=True),
    }
    assert reports.type_counts(["OrderPlaced", "Nothing"]) == {
        "OrderPlaced": Count(value=2, capped=False),
        "Nothing": Count(value=0, capped=False),
    }


def test_schema_versions_are_counted_from_both_ends(database: Database) -> None:
    stored = [happened("OrderPlaced", schema_version=version) for version in (1, 1, 2, 3, 3, 3)]
    SqlEventStore(database).append("order-1", [*stored, happened("Other", schema_version=9)])
    reports = Reports(database)
    exact = {1: Count(value=2, capped=False), 2: Count(value=1, capped=False), 3: Count(value=3, capped=False)}
    assert reports.type_versions("OrderPlaced") == reports.type_versions("OrderPlaced", most=4) == exact
    assert reports.type_versions("OrderPlaced", most=2) == {
        1: Count(value=2, capped=True),
        3: Count(value=2, capped=True),
    }
    assert reports.type_versions("Nothing") == {}


def test_an_empty_log_is_no_special_case(database: Database) -> None:
    empty = Reports(database)
    assert (empty.streams().items, empty.streams().next) == ((), None)
    assert empty.stream_count() == Count(value=0, capped=False)
    assert empty.categories() == ()
    assert empty.type_counts() == {}
    assert empty.position_at(MORNING) == 0


def test_events_of_a_time_are_counted(database: Database) -> None:
    times = [MORNING + timedelta(minutes=n) for n in range(10)]
    SqlEventStore(database).append("order-1", [happened(recorded_at=time) for time in times])
    reports = Reports(database)
    assert reports.position_at(times[4]) == 4
    assert reports.appended_between(times[2], times[7]) == 5
    assert reports.appended_between(times[7], times[2]) == 0


def test_the_size_is_in_bytes(database: Database) -> None:
    reports = Reports(database)
    before = reports.database_size()
    SqlEventStore(database).append("order-1", [happened(data={"note": "x" * 500_000})])
    assert before > 0
    assert reports.database_size() >= before


class TestPlans:
    """Skipping from name to name: no step walks the events."""

    @pytest.fixture
    def dialect(self) -> str:
        return "sqlite"

    @pytest.mark.parametrize("select", [_STREAMS, _STREAM_COUNT, _CATEGORIES, _TYPES])
    def test_every_step_seeks_in_an_index(self, database: Database, select: str) -> None:
        log = log_of(database)
        select = select.format(join=log.join_in_order, category=log.category)
        values = {"after": "", "low": "", "high": "z", "limit": 9, "cap": 9}
        with database.read() as connection:
            rows = driver_of(connection).execute(f"EXPLAIN QUERY PLAN {select}", values)
            plan = [row[3] for row in rows]
        assert any(step.startswith("SEARCH events") for step in plan)
        assert not [step for step in plan if step.startswith("SCAN events")]


def steady(database: Database, minutes: list[float]) -> Reports:
    """A log with one event at each of these minutes of the morning."""
    times = (MORNING + timedelta(minutes=minute) for minute in minutes)
    SqlEventStore(database).append("mill-1", [happened(recorded_at=time) for time in times])
    return Reports(database)


def test_events_are_counted_by_the_minute_they_were_recorded_in(database: Database) -> None:
    reports = steady(database, [-5, 0, 0.5, 0.9, 2, 3.99, 4])
    assert reports.appended(MORNING, MORNING + timedelta(minutes=4), 4) == [3, 0, 1, 1]
    assert reports.appended(MORNING + timedelta(hours=1), MORNING + timedelta(hours=2), 3) == [0, 0, 0]


def test_of_many_events_a_part_stands_for_all(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs.store.reports._LOOKED_AT", 10)
    reports = steady(database, [minute / 30 for minute in range(60)])
    assert reports.appended(MORNING, MORNING + timedelta(minutes=2), 2) == [30, 30]


def test_the_rhythm_of_a_log_is_its_longest_pause_and_its_last_event(database: Database) -> None:
    reports = steady(database, [0, 1, 2, 10, 11])
    rhythm = reports.rhythm(events=4)
    assert rhythm is not None
    assert (rhythm.events, rhythm.longest_pause_seconds) == (4, 480.0)
    assert rhythm.newest == MORNING + timedelta(minutes=11)


def test_one_event_has_no_rhythm(database: Database) -> None:
    assert steady(database, [0]).rhythm() is None
