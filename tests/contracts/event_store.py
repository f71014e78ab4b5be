"""What every log must do. A test class of a store inherits `EventStoreContract` and provides its fixture `store`."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cqrs.clock import FixedClock
from cqrs.errors import ConcurrencyError, IdempotencyConflict, InvalidStreamName, UnstorableEvent
from cqrs.identifiers import new_id
from cqrs.store import event_store, memory
from cqrs.store.drafts import LARGEST_EVENT
from cqrs.store.event_store import CLOCK_SLACK_SECONDS, EventStore
from cqrs.store.instants import to_text
from cqrs.store.records import (
    EventFilter,
    Expected,
    ExpectedVersion,
    IdempotencyKey,
    NewEvent,
    RecordedEvent,
    StreamAppend,
    Work,
    category_of,
)

MORNING = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def happened(type: str = "OrderPlaced", **values: Any) -> NewEvent:
    """A new event; `data` may be given as a dict."""
    data = values.pop("data", {"amount": "12.50"})
    given = {
        "schema_version": 1,
        "event_id": new_id(),
        "correlation_id": "basket-1",
        "causation_id": None,
        "actor": "ada",
        **values,
    }
    return NewEvent(type=type, data=data if isinstance(data, bytes) else msgspec.json.encode(data), **given)


def purchase(key: IdempotencyKey | None = None, *, stream: str = "order-1", amount: str = "12.50") -> Work:
    """The work of a command that places an order."""
    command_id = new_id()
    placed = happened(correlation_id=command_id, causation_id=command_id, data={"amount": amount})
    append = StreamAppend(stream=stream, events=(placed,))
    return Work(
        command_id=command_id, correlation_id=command_id, appends=(append,), key=key, result={"order_id": stream}
    )


def key_of(body: str = "a hash") -> IdempotencyKey:
    return IdempotencyKey(actor="ada", command="PlaceOrder", key="click-1", body_hash=body)


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What `act(n)` returns or raises in `count` threads that start together."""
    start = threading.Barrier(count)

    def run(n: int) -> Any:
        start.wait()
        try:
            return act(n)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def positions(events: Iterable[RecordedEvent]) -> list[int]:
    return [event.position for event in events]


def fill(store: EventStore, count: int = 60) -> list[RecordedEvent]:
    """Events of every kind: three categories, four types, three actors, commands of two events each."""
    streams = itertools.cycle(["user-1", "order-1", "order-2", "user-2", "order", "stock-7-b"])
    types = itertools.cycle(["OrderPlaced", "UserCreated", "OrderPlaced", "OrderCancelled", "Retired"])
    appends = []
    for n, stream, type in zip(range(count), streams, types, strict=False):
        event = happened(
            type,
            actor=f"actor {n % 3}",
            correlation_id=f"basket-{n // 4}",
            causation_id=f"command-{n // 2}" if n % 5 else None,
            recorded_at=MORNING + timedelta(minutes=n),
            data={"note": f"number {n % 7}", "n": n},
        )
        appends.append(StreamAppend(stream=stream, events=(event,)))
    return list(store.commit(Work(command_id="fill", correlation_id="fill", appends=tuple(appends))).events)


HOUR = timedelta(hours=1)
CONDITIONS: dict[str, tuple[dict[str, Any], Callable[[RecordedEvent], bool]]] = {
    "type": ({"types": ("UserCreated",)}, lambda e: e.type == "UserCreated"),
    "types": ({"types": ("UserCreated", "OrderPlaced")}, lambda e: e.type in ("UserCreated", "OrderPlaced")),
    "unknown type": ({"types": ("Nothing", "Retired")}, lambda e: e.type == "Retired"),
    "stream": ({"stream": "order-1"}, lambda e: e.stream == "order-1"),
    "category": ({"category": "order"}, lambda e: category_of(e.stream) == "order"),
    "correlation": ({"correlation_id": "basket-3"}, lambda e: e.correlation_id == "basket-3"),
    "causation": ({"causation_id": "command-4"}, lambda e: e.causation_id == "command-4"),
    "actor": ({"actor": "actor 1"}, lambda e: e.actor == "actor 1"),
    "since": ({"since": MORNING + HOUR / 4}, lambda e: e.recorded_at >= MORNING + HOUR / 4),
    "until": ({"until": MORNING + HOUR / 2}, lambda e: e.recorded_at < MORNING + HOUR / 2),
    "text": ({"text": "NUMBER 3"}, lambda e: "number 3" in e.data),
    "spelled": ({"spelled": ('"n":3', '"n":41}')}, lambda e: '"n":3' in e.data or '"n":41}' in e.data),
}
PAIRS = [(name,) for name in CONDITIONS] + list(itertools.combinations(CONDITIONS, 2))


class EventStoreContract:
    @pytest.fixture
    def clock(self) -> FixedClock:
        return FixedClock(MORNING)

    # -- appending

    def test_events_come_back_as_they_were_appended(self, store: EventStore, clock: FixedClock) -> None:
        placed = happened(metadata=b'{"trace":"t-1"}', causation_id="command-1", data={"note": 'é "quoted" \n'})
        recorded = store.append("order-1", [placed])
        assert recorded == [
            RecordedEvent(
                position=1,
                stream="order-1",
                version=1,
                type="OrderPlaced",
                schema_version=1,
                data=placed.data.decode(),
                metadata='{"trace":"t-1"}',
                event_id=placed.event_id,
                correlation_id="basket-1",
                causation_id="command-1",
                actor="ada",
                recorded_at=clock(),
            )
        ]
        assert store.read_all() == store.read_stream("order-1") == recorded
        assert store.read_all()[0].recorded_at.utcoffset() == timedelta(0)

    def test_versions_count_within_a_stream_and_positions_across_all(self, store: EventStore) -> None:
        store.append("order-1", [happened(), happened()])
        store.append("order-2", [happened()])
        recorded = store.append("order-1", [happened(), happened()])
        assert [(event.position, event.version) for event in recorded] == [(4, 3), (5, 4)]
        assert (store.stream_version("order-1"), store.stream_version("order-2")) == (4, 1)
        assert store.stream_version("order-3") == 0

    def test_an_event_may_bring_its_own_time(self, store: EventStore) -> None:
        past = MORNING - timedelta(days=90)
        recorded = store.append("order-1", [happened(recorded_at=past), happened()])
        assert [event.recorded_at for event in recorded] == [past, MORNING]
        assert store.read_all() == recorded

    @pytest.mark.parametrize(
        ("there", "expected", "fits"),
        [
            (0, Expected.ANY, True),
            (2, Expected.ANY, True),
            (0, Expected.NO_STREAM, True),
            (2, Expected.NO_STREAM, False),
            (0, Expected.EXISTS, False),
            (2, Expected.EXISTS, True),
            (0, 0, True),
            (2, 0, False),
            (2, 1, False),
            (2, 2, True),
            (2, 3, False),
        ],
    )
    def test_an_append_states_what_it_expects(
        self, store: EventStore, there: int, expected: ExpectedVersion, fits: bool
    ) -> None:
        store.append("order-1", [happened() for _ in range(there)])
        if fits:
            assert store.append("order-1", [happened()], expected=expected)[0].version == there + 1
            return
        with pytest.raises(ConcurrencyError) as refused:
            store.append("order-1", [happened()], expected=expected)
        assert (refused.value.stream, refused.value.expected, refused.value.actual) == ("order-1", expected, there)
        assert store.stream_version("order-1") == there

    def test_one_of_two_writers_with_the_same_expectation_wins(self, store: EventStore) -> None:
        answers = at_once(8, lambda n: store.append("order-1", [happened(), happened()], expected=0))
        assert sum(isinstance(answer, list) for answer in answers) == 1
        assert sum(isinstance(answer, ConcurrencyError) for answer in answers) == 7
        assert [event.version for event in store.read_all()] == [1, 2]

    def test_writers_without_expectations_all_get_their_versions(self, store: EventStore) -> None:
        at_once(8, lambda n: [store.append("order-1", [happened(), happened()]) for _ in range(5)])
        events = store.read_all()
        assert [event.version for event in events] == list(range(1, 81))

    def test_many_events_fit_into_one_append(self, store: EventStore) -> None:
        recorded = store.append("order-1", [happened(data={"n": n}) for n in range(1_201)])
        assert positions(recorded) == list(range(1, 1_202))
        assert store.read_stream("order-1") == recorded

    def test_no_events_are_no_events(self, store: EventStore) -> None:
        assert store.append("order-1", []) == []
        assert store.head() == 0

    def test_the_same_event_id_is_refused(self, store: EventStore) -> None:
        event = happened()
        store.append("order-1", [event])
        with pytest.raises(UnstorableEvent, match="already in the log"):
            store.append("order-2", [happened(), event])
        assert store.head() == 1

    @pytest.mark.parametrize("stream", ["", "order-\x00", "order-\n1", "order-\ud800", "order-" + "1" * 250])
    def test_unusable_stream_names_are_refused(self, store: EventStore, stream: str) -> None:
        with pytest.raises(InvalidStreamName):
            store.append(stream, [happened()])

    @pytest.mark.parametrize("stream", ["order-1", "order", "Bestellung-é-7", "user-ada@example.org", "a b-'; --"])
    def test_readable_stream_names_are_taken(self, store: EventStore, stream: str) -> None:
        recorded = store.append(stream, [happened()])
        assert store.read_stream(stream) == recorded
        assert store.read_all(where=EventFilter(category=category_of(stream))) == recorded

    def test_an_event_may_be_large_but_not_larger(self, store: EventStore) -> None:
        fits = happened(data=b'"' + b"x" * (LARGEST_EVENT - 4) + b'"')
        too_large = happened(data=b'"' + b"x" * (LARGEST_EVENT - 3) + b'"')
        store.append("order-1", [fits])
        with pytest.raises(UnstorableEvent, match="bytes"):
            store.append("order-2", [happened(), too_large])
        assert [len(event.data) for event in store.read_all()] == [LARGEST_EVENT - 2]

    def test_data_that_are_not_utf8_are_refused(self, store: EventStore) -> None:
        with pytest.raises(UnstorableEvent, match="UTF-8"):
            store.append("order-1", [happened(data=b'{"name": "\xff"}')])
        assert store.head() == 0

    # -- commits

    def test_a_commit_writes_several_streams_or_none(self, store: EventStore) -> None:
        store.append("stock-1", [happened("Stocked")])
        order = StreamAppend(stream="order-1", events=(happened(),), expected=0)
        stale = StreamAppend(stream="stock-1", events=(happened("Reserved"),), expected=3)
        with pytest.raises(ConcurrencyError):
            store.commit(Work(command_id="c", correlation_id="c", appends=(order, stale)))
        assert store.head() == 1
        fresh = StreamAppend(stream="stock-1", events=stale.events, expected=1)
        committed = store.commit(Work(command_id="c", correlation_id="c", appends=(order, fresh)))
        assert [(event.stream, event.version) for event in committed.events] == [("order-1", 1), ("stock-1", 2)]
        assert committed.repeated is None

    def test_two_appends_to_one_stream_follow_each_other(self, store: EventStore) -> None:
        first = StreamAppend(stream="order-1", events=(happened(), happened()), expected=0)
        second = StreamAppend(stream="order-1", events=(happened("OrderCancelled"),), expected=2)
        store.commit(Work(command_id="c", correlation_id="c", appends=(first, second)))
        assert [event.version for event in store.read_stream("order-1")] == [1, 2, 3]

    def test_a_repeated_request_gets_the_first_answer(self, store: EventStore) -> None:
        assert store.find_answer(key_of()) is None
        work = purchase(key_of())
        first = store.commit(work)
        again = store.commit(purchase(key_of()))
        assert first.repeated is None
        assert again.events == ()
        assert again.repeated == store.find_answer(key_of())
        assert again.repeated is not None
        assert (again.repeated.command_id, again.repeated.events) == (work.command_id, first.events)
        assert again.repeated.result == {"order_id": "order-1"}
        assert store.head() == 1

    def test_a_key_belongs_to_one_body(self, store: EventStore) -> None:
        store.commit(purchase(key_of()))
        with pytest.raises(IdempotencyConflict):
            store.commit(purchase(key_of("another hash")))
        with pytest.raises(IdempotencyConflict):
            store.find_answer(key_of("another hash"))
        assert store.head() == 1

    def test_keys_are_apart_by_actor_and_command(self, store: EventStore) -> None:
        store.commit(purchase(key_of()))
        store.commit(purchase(IdempotencyKey(actor="bob", command="PlaceOrder", key="click-1", body_hash="b")))
        store.commit(purchase(IdempotencyKey(actor="ada", command="CancelOrder", key="click-1", body_hash="c")))
        assert store.head() == 3

    def test_a_failed_commit_leaves_its_key_free(self, store: EventStore) -> None:
        store.append("order-1", [happened()])
        work = purchase(key_of())
        stale = StreamAppend(stream="order-1", events=(happened(),), expected=0)
        with pytest.raises(ConcurrencyError):
            store.commit(Work(command_id="c", correlation_id="c", appends=(stale,), key=key_of()))
        assert store.find_answer(key_of()) is None
        assert store.commit(work).events

    def test_twelve_racing_requests_with_one_key_have_one_effect_and_one_answer(self, store: EventStore) -> None:
        answers = at_once(12, lambda n: store.commit(purchase(key_of())))
        first = [answer for answer in answers if answer.repeated is None]
        assert len(first) == 1
        assert {answer.repeated.events for answer in answers if answer.repeated} == {first[0].events}
        assert store.read_all() == list(first[0].events)

    def test_a_dry_run_draws_no_position_and_takes_no_key(self, store: EventStore) -> None:
        assert store.commit(purchase(key_of()), dry_run=True).events == ()
        assert store.head() == 0
        assert store.find_answer(key_of()) is None
        assert store.append("order-1", [happened()])[0].position == 1

    def test_a_dry_run_tests_what_is_expected(self, store: EventStore) -> None:
        stale = StreamAppend(stream="order-1", events=(happened(),), expected=4)
        with pytest.raises(ConcurrencyError):
            store.commit(Work(command_id="c", correlation_id="c", appends=(stale,)), dry_run=True)

    # -- reading

    def test_a_stream_is_read_from_both_ends(self, store: EventStore) -> None:
        store.append("order-2", [happened()])
        store.append("order-1", [happened() for _ in range(6)])

        def versions(**bounds: Any) -> list[int]:
            return [event.version for event in store.read_stream("order-1", **bounds)]

        assert versions() == [1, 2, 3, 4, 5, 6]
        assert versions(after=2) == [3, 4, 5, 6]
        assert versions(after=2, until=4) == [3, 4]
        assert versions(until=0) == []
        assert versions(limit=2) == [1, 2]
        assert versions(backwards=True) == [6, 5, 4, 3, 2, 1]
        assert versions(backwards=True, after=1, until=4, limit=2) == [4, 3]
        assert store.read_stream("order-3") == []

    def test_the_log_is_read_in_pages(self, store: EventStore) -> None:
        fill(store, 10)
        assert positions(store.read_all()) == list(range(1, 11))
        assert positions(store.read_all(after=3, limit=4)) == [4, 5, 6, 7]
        assert positions(store.read_all(after=3, until=5)) == [4, 5]
        assert positions(store.read_all(after=10)) == []
        assert positions(store.read_back(limit=3)) == [10, 9, 8]
        assert positions(store.read_back(before=8, limit=3)) == [7, 6, 5]
        assert positions(store.read_back(before=1)) == []

    @pytest.mark.parametrize("names", PAIRS, ids=" and ".join)
    def test_filters_hold_all_at_once_in_both_directions_and_on_any_page(
        self, store: EventStore, names: tuple[str, ...]
    ) -> None:
        recorded = fill(store)
        values = {key: value for name in names for key, value in CONDITIONS[name][0].items()}
        names = tuple(name for name in names if CONDITIONS[name][0].items() <= values.items())
        where = EventFilter(**values)
        wanted = [event for event in recorded if all(CONDITIONS[name][1](event) for name in names)]
        assert store.read_all(where=where) == wanted
        assert store.read_back(where=where) == wanted[:-51:-1]
        middle = recorded[29].position
        after, before = ([event for event in wanted if keep(event)] for keep in self._beside(middle))
        assert store.read_all(after=middle, limit=3, where=where) == after[:3]
        assert store.read_back(before=middle, limit=3, where=where) == before[:-4:-1]

    @staticmethod
    def _beside(middle: int) -> tuple[Callable[[RecordedEvent], bool], Callable[[RecordedEvent], bool]]:
        return (lambda event: event.position > middle), (lambda event: event.position < middle)

    @pytest.mark.parametrize(
        ("text", "finds"),
        [
            ("100%", True),
            ("100_", False),
            ("e_i", True),
            ("E_I", True),
            ("ex_", False),
            ('says "hello"', True),
            ("back\\slash", True),
            ("Zoë", True),
            ('"price":"100%"', True),
            ("' OR 1=1 --", False),
            ("%", True),
            ("\\%", False),
        ],
    )
    def test_text_is_found_as_it_is_typed(self, store: EventStore, text: str, finds: bool) -> None:
        store.append("order-1", [happened(data={"price": "100%", "n": 'e_i Zoë says "hello" back\\slash'})])
        assert len(store.read_back(where=EventFilter(text=text))) == finds
        assert len(store.read_all(where=EventFilter(text=text))) == finds

    @pytest.fixture
    def narrow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(event_store, "WINDOW", 10)

    @pytest.mark.usefixtures("narrow")
    def test_text_is_looked_for_in_a_window_only(self, store: EventStore) -> None:
        store.append("order-1", [happened(data={"note": "gift"}) for _ in range(25)])
        gifts = EventFilter(text="gift")
        assert positions(store.read_back(where=gifts)) == list(range(25, 15, -1))
        assert store.edge(gifts, backwards=True) == 16
        assert positions(store.read_back(before=16, where=gifts)) == list(range(15, 5, -1))
        assert store.edge(gifts, until=15, backwards=True) == 6
        assert store.edge(gifts, until=5, backwards=True) is None
        assert positions(store.read_all(where=gifts)) == list(range(1, 11))
        assert store.edge(gifts) == 10
        assert positions(store.read_all(after=3, until=9, where=gifts)) == list(range(4, 10))
        assert store.edge(gifts, after=3, until=9) is None

    @pytest.mark.usefixtures("narrow")
    def test_a_window_holds_what_an_index_finds_not_what_lies_between(self, store: EventStore) -> None:
        recorded = fill(store, 60)
        where = EventFilter(stream="order-1", actor="actor 2")
        assert store.read_back(where=where) == [event for event in reversed(recorded) if _fits(where, event)]
        first = next(event for event in recorded if event.stream == "order-1")
        assert store.edge(where, backwards=True) == first.position
        assert store.edge(where, after=2) is None
        assert store.edge(EventFilter(stream="order-1"), backwards=True) is None

    @pytest.mark.usefixtures("narrow")
    @pytest.mark.parametrize("backwards", [False, True])
    def test_one_window_after_the_other_finds_everything_once(self, store: EventStore, backwards: bool) -> None:
        recorded = fill(store, 60)
        for where in (
            EventFilter(types=("OrderPlaced", "Retired"), actor="actor 0"),
            EventFilter(types=("OrderPlaced", "Retired"), text="number 3"),
            EventFilter(types=("OrderPlaced",), category="order", spelled=('"n":7,', '"n":20}', '"n":44}')),
            EventFilter(category="order", since=MORNING + HOUR / 4, actor="actor 1"),
            EventFilter(stream="order-1", types=("Nothing",)),
        ):
            found: list[RecordedEvent] = []
            low, high = 0, 60
            while True:
                edge = store.edge(where, after=low, until=high, backwards=backwards)
                if backwards:
                    found += store.read_back(before=high + 1, where=where)
                    high = (edge or 0) - 1
                else:
                    found += store.read_all(after=low, until=high, where=where)
                    low = edge or 0
                if edge is None:
                    break
            wanted = [event for event in recorded if _fits(where, event)]
            assert found == (wanted[::-1] if backwards else wanted), where

    def test_times_find_events_of_machines_whose_clocks_differ(self, store: EventStore) -> None:
        skew = timedelta(seconds=CLOCK_SLACK_SECONDS * 0.9)
        times = [MORNING + timedelta(seconds=10 * n) + skew / 2 * (-1) ** n for n in range(60)]
        recorded = store.append("order-1", [happened(recorded_at=time) for time in times])
        for since, until in itertools.combinations([MORNING + timedelta(seconds=25 * n) for n in range(5, 20)], 2):
            wanted = [event for event in recorded if since <= event.recorded_at < until]
            assert store.read_all(where=EventFilter(since=since, until=until)) == wanted

    def test_a_stream_is_paged_by_positions_too(self, store: EventStore) -> None:
        recorded = fill(store, 30)
        where = EventFilter(stream="order-1")
        for bound in range(1, 32):
            below = [event for event in recorded if event.stream == "order-1" and event.position < bound]
            above = [event for event in recorded if event.stream == "order-1" and event.position > bound]
            assert store.read_back(before=bound, where=where) == below[::-1]
            assert store.read_all(after=bound, where=where) == above

    def test_a_moment_has_a_position(self, store: EventStore) -> None:
        assert store.position_at(MORNING) == 0
        fill(store, 10)
        assert store.position_at(MORNING) == 0
        assert store.position_at(MORNING + timedelta(minutes=3)) == 3
        assert store.position_at(MORNING + timedelta(minutes=3, seconds=1)) == 4
        assert store.position_at(MORNING + timedelta(days=1)) == 10

    def test_one_event_is_found_by_position_or_id(self, store: EventStore) -> None:
        recorded = fill(store, 3)
        assert store.get(2) == store.get_by_id(recorded[1].event_id) == recorded[1]
        assert store.get(4) is None
        assert store.get(0) is None
        assert store.get_by_id("nobody") is None

    def test_the_head_is_the_last_position(self, store: EventStore) -> None:
        assert (store.head(), store.safe_head()) == (0, 0)
        fill(store, 3)
        assert (store.head(), store.safe_head()) == (3, 3)

    # -- reading in bulk

    def test_raw_rows_are_the_events(self, store: EventStore) -> None:
        recorded = fill(store, 20)
        rows = [(*row[:5], _text(row[5]), _text(row[6]), *row[7:]) for row in store.raw_events(0, None, (), 1_000)]
        assert rows == [(*event[:-1], to_text(event.recorded_at)) for event in recorded]

    def test_raw_rows_have_the_columns_asked_for(self, store: EventStore) -> None:
        recorded = fill(store, 5)
        rows = store.raw_events(2, 4, columns=("type", "position", "causation_id"))
        assert rows == [(event.type, event.position, event.causation_id) for event in recorded[2:4]]
        assert [_text(row[0]) for row in store.raw_events(0, 1, columns=("data",))] == [recorded[0].data]

    @pytest.mark.parametrize("types", [(), ("OrderPlaced",), ("Rare",), ("Rare", "Rarer"), ("Rare", "OrderPlaced")])
    def test_raw_rows_are_complete_whether_their_types_are_rare_or_not(
        self, store: EventStore, types: tuple[str, ...]
    ) -> None:
        kinds = {7: "Rare", 80: "Rarer", 81: "Rare", 199: "Rare"}
        recorded = store.append("order-1", [happened(kinds.get(n, "OrderPlaced")) for n in range(200)])
        wanted = [event.position for event in recorded if not types or event.type in types]
        found, after = [], 0
        while page := store.raw_events(after, None, types, 16, columns=("position",)):
            assert len(page) <= 16
            found += [row[0] for row in page]
            after = found[-1]
        assert found == wanted
        bounded = store.raw_events(5, 82, types, 1_000, columns=("position",))
        assert [row[0] for row in bounded] == [position for position in wanted if 5 < position <= 82]

    def test_raw_rows_at_positions_come_once_each_in_order(self, store: EventStore) -> None:
        recorded = fill(store, 20)
        asked = [recorded[n].position for n in (17, 3, 3, 9)]
        rows = store.raw_at([*asked, 10**9], columns=("position", "type", "data"))
        wanted = [(event.position, event.type, event.data) for event in (recorded[3], recorded[9], recorded[17])]
        assert [(position, type_, _text(data)) for position, type_, data in rows] == wanted
        assert store.raw_at([]) == []

    def test_raw_rows_beyond_the_head_are_none(self, store: EventStore) -> None:
        assert store.raw_events(0) == []
        fill(store, 3)
        assert store.raw_events(3, types=("OrderPlaced",)) == []

    # -- waiting

    def test_what_is_there_needs_no_waiting(self, store: EventStore) -> None:
        fill(store, 2)
        assert store.wait_beyond(1, 0)

    def test_waiting_ends_without_success(self, store: EventStore) -> None:
        fill(store, 2)
        assert not store.wait_beyond(2, 0.02)

    def test_a_commit_wakes_who_waits(self, store: EventStore) -> None:
        with ThreadPoolExecutor(4) as threads:
            waiting = [threads.submit(store.wait_beyond, 0, 10) for _ in range(4)]
            store.append("order-1", [happened()])
            assert all(each.result() for each in waiting)

    def test_closing_ends_all_waits(self, store: EventStore) -> None:
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(store.wait_beyond, 0, 10)
            store.close()
            assert not waiting.result(timeout=5)
        assert not store.wait_beyond(0, 10)


def _fits(where: EventFilter, event: RecordedEvent) -> bool:
    return memory._matcher(where)(event)


def _text(json: Any) -> str:
    return json if isinstance(json, str) else bytes(json).decode()
