"""Pages of the log, also where a text filter looks only at so many positions at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.datastructures import MultiDict

from cqrs.console import event_search
from cqrs.console.parameters import Parameters
from cqrs.errors import InvalidMessage
from cqrs.store import event_store, schema
from cqrs.store.event_store import EventStore
from cqrs.store.memory import MemoryEventStore
from cqrs.store.opening import open_database
from cqrs.store.records import NewEvent
from cqrs.store.sql import SqlEventStore

START = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS = 60


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EventStore]:
    """An event an hour, every seventh with a word in it; a search looks at ten events."""
    monkeypatch.setattr(event_store, "WINDOW", 10)
    if request.param == "memory":
        yield filled(MemoryEventStore())
        return
    database = open_database("sqlite:///log.db", root=tmp_path)
    schema.upgrade(database, schema.MAIN)
    yield filled(SqlEventStore(database))
    database.dispose()


def filled(store: EventStore) -> EventStore:
    for n in range(1, EVENTS + 1):
        data = b'{"word": "seventh"}' if n % 7 == 0 else b"{}"
        store.append(
            f"day-{n % 3}",
            [
                NewEvent(
                    type="Noted", schema_version=1, data=data, event_id=str(n), correlation_id="c", causation_id=None,
                    actor="a", recorded_at=START + timedelta(hours=n),
                )
            ],
        )  # fmt: skip
    return store


def follow(store: EventStore, query: str) -> list[int]:
    """Positions of all pages, one after the other."""
    given = MultiDict(pair.split("=") for pair in query.split("&") if pair)
    found: list[int] = []
    for _ in range(EVENTS):
        page = event_search.find(store, event_search.search_of(Parameters(given)))
        found += [event.position for event in page.items]
        if page.next is None:
            return found
        given["cursor"] = page.next
    raise AssertionError("The pages never end.")


SEVENTHS = [7, 14, 21, 28, 35, 42, 49, 56]


@pytest.mark.parametrize("limit", [1, 3, 50])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", range(1, 61)),
        ("text=seventh", SEVENTHS),
        ("text=nothing", []),
        ("text=seventh&stream=day-0", [21, 42]),
        ("text=seventh&to=2026-01-02T12:00:00Z", [7, 14, 21, 28, 35]),
        ("text=seventh&from=2026-01-02T12:00:00Z", [42, 49, 56]),
        ("text=seventh&from=2026-01-01T10:00:00Z&to=2026-01-02T00:00:00Z", [14, 21]),
        ("to=2026-01-01T03:00:00Z", [1, 2]),
    ],
)
def test_both_directions_find_everything_once(store: EventStore, query: str, expected: list[int], limit: int) -> None:
    assert follow(store, f"{query}&limit={limit}") == list(reversed(expected))
    assert follow(store, f"{query}&limit={limit}&after=0") == list(expected)


def test_bounds_stay_while_a_cursor_moves(store: EventStore) -> None:
    assert follow(store, "after=10&before=20&limit=2") == list(range(11, 20))
    assert follow(store, "before=20&limit=2&text=seventh") == [14, 7]


@pytest.mark.parametrize("moment", ["0001-01-01", "9999-12-31T23:59:59Z", "1899-12-31"])
def test_times_at_the_end_of_time_are_refused(moment: str) -> None:
    for name in ("from", "to"):
        with pytest.raises(InvalidMessage) as refused:
            event_search.search_of(Parameters(MultiDict([(name, moment)])))
        assert set(refused.value.errors) == {name}
