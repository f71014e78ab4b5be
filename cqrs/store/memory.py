"""A log that lasts as long as the object: for tests of a domain, and the plainest statement of what a log does."""

from __future__ import annotations

import bisect
import string
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from cqrs.clock import Clock, utc_now
from cqrs.errors import ConcurrencyError, IdempotencyConflict, UnstorableEvent
from cqrs.store import event_store
from cqrs.store.drafts import Draft, drafts_of, number
from cqrs.store.event_store import RawEvent
from cqrs.store.head_watch import HeadWatch
from cqrs.store.instants import to_text
from cqrs.store.records import (
    EVERYTHING,
    Committed,
    EventFilter,
    Expected,
    ExpectedVersion,
    IdempotencyKey,
    NewEvent,
    RecordedEvent,
    Repeated,
    StreamAppend,
    Work,
    category_of,
    meets,
)
from cqrs.store.sought import checked, sought

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class MemoryEventStore:
    """An EventStore; see there. It has no tables, so it refuses work with state writes."""

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._events: list[RecordedEvent] = []
        self._streams: defaultdict[str, list[RecordedEvent]] = defaultdict(list)
        self._by_id: dict[str, RecordedEvent] = {}
        self._answers: dict[tuple[str, str, str], tuple[str, Work]] = {}
        self._watch = HeadWatch()

    def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: ExpectedVersion = Expected.ANY
    ) -> list[RecordedEvent]:
        append = StreamAppend(stream=stream, events=tuple(events), expected=expected)
        return list(self.commit(Work(command_id="", correlation_id="", appends=(append,))).events)

    def commit(self, work: Work, *, dry_run: bool = False) -> Committed:
        if work.writes:
            raise TypeError("The memory store has no tables: use an SQL store for commands that write state.")
        drafts = [drafts_of(append) for append in work.appends]
        with self._lock:
            if work.key is not None and (repeated := self.find_answer(work.key)):
                return Committed(repeated=repeated)
            self._number(work.appends, drafts)
            if dry_run:
                return Committed()
            events = self._store([row for each in drafts for row in each])
            if work.key is not None:
                self._answers[_identity(work.key)] = (work.key.body_hash, work)
        self._watch.announce()
        return Committed(events=events)

    def _number(self, appends: Sequence[StreamAppend], drafts: list[list[Draft]]) -> None:
        now, versions = self._clock(), dict[str, int]()
        for append, rows in zip(appends, drafts, strict=True):
            actual = versions.get(append.stream, self.stream_version(append.stream))
            if not meets(append.expected, actual):
                raise ConcurrencyError(stream=append.stream, expected=append.expected, actual=actual)
            versions[append.stream] = number(rows, actual, now)

    def _store(self, rows: list[Draft]) -> tuple[RecordedEvent, ...]:
        events = tuple(RecordedEvent(position, *row) for position, row in enumerate(rows, start=self.head() + 1))
        ids = {event.event_id for event in events}
        if len(ids) < len(events) or ids & self._by_id.keys():
            why = "its event id is already in the log"
            raise UnstorableEvent(type=events[0].type, stream=events[0].stream, why=why)
        for event in events:
            self._events.append(event)
            self._streams[event.stream].append(event)
            self._by_id[event.event_id] = event
        return events

    def find_answer(self, key: IdempotencyKey) -> Repeated | None:
        with self._lock:
            if (found := self._answers.get(_identity(key))) is None:
                return None
            body_hash, work = found
            if body_hash != key.body_hash:
                raise IdempotencyConflict(key=key.key, command=key.command)
            return Repeated(
                command_id=work.command_id,
                correlation_id=work.correlation_id,
                result=msgspec.json.decode(msgspec.json.encode(work.result), type=dict[str, Any]),
                events=tuple(event for event in self._events if event.causation_id == work.command_id),
            )

    def stream_version(self, stream: str) -> int:
        with self._lock:
            return len(self._streams.get(stream, ()))

    def read_stream(
        self,
        stream: str,
        *,
        after: int = 0,
        until: int | None = None,
        backwards: bool = False,
        limit: int | None = None,
    ) -> list[RecordedEvent]:
        with self._lock:
            found = self._streams.get(stream, [])[max(0, after) : None if until is None else max(0, until)]
        return (found[::-1] if backwards else found)[:limit]

    def read_all(
        self, *, after: int = 0, until: int | None = None, limit: int = 1000, where: EventFilter = EVERYTHING
    ) -> list[RecordedEvent]:
        return list(islice(filter(_matcher(where), self._met(where, after, until)), limit))

    def read_back(
        self, *, before: int | None = None, limit: int = 50, where: EventFilter = EVERYTHING
    ) -> list[RecordedEvent]:
        until = None if before is None else before - 1
        return list(islice(filter(_matcher(where), self._met(where, 0, until, backwards=True)), limit))

    def raw_events(
        self,
        after: int,
        until: int | None = None,
        types: Sequence[str] = (),
        limit: int = 1000,
        columns: Sequence[str] = RecordedEvent._fields,
    ) -> list[RawEvent]:
        found = self.read_all(after=after, until=until, limit=limit, where=EventFilter(types=tuple(types)))
        rows = [event._replace(recorded_at=to_text(event.recorded_at)) for event in found]  # type: ignore[arg-type]
        return [tuple(getattr(row, column) for column in columns) for row in rows]

    def raw_at(self, positions: Sequence[int], columns: Sequence[str] = RecordedEvent._fields) -> list[RawEvent]:
        return [row for each in sorted(set(positions)) for row in self.raw_events(each - 1, each, columns=columns)]

    def get(self, position: int) -> RecordedEvent | None:
        return next(iter(self._between(position, position)), None)

    def get_by_id(self, event_id: str) -> RecordedEvent | None:
        return self._by_id.get(event_id)

    def head(self) -> int:
        return len(self._events)

    def safe_head(self) -> int:
        return self.head()

    def edge(
        self, where: EventFilter, *, after: int = 0, until: int | None = None, backwards: bool = False
    ) -> int | None:
        if checked(where) == EVERYTHING:
            return None
        met = self._met(where, after, until, backwards)
        return met[-1].position if len(met) == event_store.WINDOW else None

    def position_at(self, moment: datetime) -> int:
        with self._lock:
            return bisect.bisect_left(self._events, moment, key=lambda event: event.recorded_at)

    def wait_beyond(self, position: int, timeout_seconds: float) -> int:
        return self._watch.wait_beyond(position, timeout_seconds, self.safe_head)

    def close(self) -> None:
        self._watch.close()

    def _between(self, first: int, last: int | None) -> list[RecordedEvent]:
        with self._lock:
            return self._events[max(0, first - 1) : None if last is None else max(0, last)]

    def _met(self, where: EventFilter, after: int, until: int | None, backwards: bool = False) -> list[RecordedEvent]:
        """What a search looks at, whether it fits or not."""
        events = self._between(after + 1, until)
        found = filter(_matcher(sought(where)), reversed(events) if backwards else events)
        return list(found if checked(where) == EVERYTHING else islice(found, event_store.WINDOW))


def _identity(key: IdempotencyKey) -> tuple[str, str, str]:
    return key.actor, key.command, key.key


def _matcher(where: EventFilter) -> Callable[[RecordedEvent], bool]:
    conditions = tuple(_conditions(where))
    return lambda event: all(condition(event) for condition in conditions)


def _conditions(where: EventFilter) -> Iterable[Callable[[RecordedEvent], bool]]:
    wanted = {
        name: value
        for name in ("stream", "correlation_id", "causation_id", "actor")
        if (value := getattr(where, name)) is not None
    }
    yield lambda event: all(getattr(event, name) == value for name, value in wanted.items())
    yield lambda event: not where.types or event.type in where.types
    yield lambda event: where.category is None or category_of(event.stream) == where.category
    yield lambda event: where.since is None or event.recorded_at >= where.since
    yield lambda event: where.until is None or event.recorded_at < where.until
    if where.text is not None:
        escaped = msgspec.json.encode(where.text).decode()[1:-1]
        spellings = [text.translate(_LOWER) for text in (where.text, escaped)]
        yield lambda event: any(text in event.data.translate(_LOWER) for text in spellings)
    if where.spelled:
        spelled = [text.translate(_LOWER) for text in where.spelled]
        yield lambda event: any(text in event.data.translate(_LOWER) for text in spelled)
