"""Answers about the whole log that stay fast however long it is: they skip along indexes and count up to a cap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from cqrs.store.database import Database
from cqrs.store.facets import FacetCounts
from cqrs.store.instants import from_text
from cqrs.store.log import Log
from cqrs.store.log_choice import log_of
from cqrs.store.log_reader import LAST, LogReader, moment_of
from cqrs.store.records import EventFilter
from cqrs.store.type_versions import VERSION_COLUMNS, versions_select

#: Events whose times are read for a chart.
_LOOKED_AT = 2_000
#: Sorts after every character a stream's name can hold.
_AFTER_ALL = "\U0010ffff"

# Each step seeks the next name in the index on (stream, version), so the cost is that of the page, not of the log.
_STREAMS = """
WITH RECURSIVE names(stream, n) AS (
    SELECT (SELECT min(stream) FROM events WHERE stream > :after AND stream >= :low AND stream < :high), 1
    UNION ALL
    SELECT (SELECT min(stream) FROM events WHERE stream > names.stream AND stream < :high), n + 1
    FROM names WHERE names.stream IS NOT NULL AND n < :limit)
SELECT names.stream AS stream, last.version AS version, last.position AS last_position,
    first.recorded_at AS first_at, last.recorded_at AS last_at
FROM names
    {join} events AS last ON last.stream = names.stream
        AND last.version = (SELECT max(version) FROM events WHERE stream = names.stream)
    {join} events AS first ON first.stream = names.stream AND first.version = 1
WHERE names.stream IS NOT NULL ORDER BY names.n LIMIT :limit"""

_STREAM_COLUMNS = ("stream", "version", "last_position", "first_at", "last_at")

_STREAM_COUNT = """
WITH RECURSIVE names(stream, n) AS (
    SELECT (SELECT min(stream) FROM events), 1
    UNION ALL
    SELECT (SELECT min(stream) FROM events WHERE stream > names.stream), n + 1
    FROM names WHERE names.stream IS NOT NULL AND n <= :cap)
SELECT count(stream) FROM names"""

_CATEGORIES = """
WITH RECURSIVE names(category, n) AS (
    SELECT (SELECT min({category}) FROM events), 1
    UNION ALL
    SELECT (SELECT min({category}) FROM events WHERE {category} > names.category), n + 1
    FROM names WHERE names.category IS NOT NULL AND n < :limit)
SELECT category FROM names WHERE category IS NOT NULL ORDER BY n LIMIT :limit"""

_TYPES = """
WITH RECURSIVE names(type, n) AS (
    SELECT (SELECT min(type) FROM events WHERE type > :after), 1
    UNION ALL
    SELECT (SELECT min(type) FROM events WHERE type > names.type), n + 1
    FROM names WHERE names.type IS NOT NULL AND n < :limit)
SELECT type FROM names WHERE type IS NOT NULL ORDER BY n LIMIT :limit"""

_TYPE_COUNT = "SELECT count(*) FROM (SELECT position FROM events WHERE {condition} {order} LIMIT :most) AS met"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """`capped`: there are at least this many, and nobody counted further."""

    value: int
    capped: bool

    @classmethod
    def up_to(cls, cap: int, found: int) -> Count:
        return cls(value=min(found, cap), capped=found > cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSummary:
    stream: str
    version: int
    last_position: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPage:
    """Streams by name. `next` is the cursor of the page after this one; None on the last."""

    items: tuple[StreamSummary, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How the newest `events` of the log came: when the last one did, and the longest pause between two of them."""

    events: int
    newest: datetime
    longest_pause_seconds: float


class Reports:
    """Reads the log's database; keeps nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = log_of(database)
        self._reader = LogReader(self._log)

    def streams(
        self, category: str | None = None, prefix: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> StreamPage:
        """Streams of a category whose names begin with `prefix`, ordered by name. The cursor is a stream's name."""
        found: list[StreamSummary] = []
        with self._database.read() as connection:
            for low, high in _ranges(category, prefix or ""):
                values = {"after": cursor or "", "low": low, "high": high, "limit": limit + 1 - len(found)}
                select = _STREAMS.format(join=self._log.join_in_order)
                rows = self._log.fetch(connection, select, values, _STREAM_COLUMNS)
                found += map(_summary, rows)
        page = tuple(found[:limit])
        return StreamPage(items=page, next=page[-1].stream if len(found) > limit else None)

    def stream_count(self, cap: int = 10_000) -> Count:
        return Count.up_to(cap, self._scalar(_STREAM_COUNT, {"cap": cap}))

    def categories(self, limit: int = 100) -> tuple[str, ...]:
        """The first `limit` categories by name."""
        select = _CATEGORIES.format(category=self._log.category)
        with self._database.glance() as connection:
            return tuple(row[0] for row in self._log.fetch(connection, select, {"limit": limit}, ("category",)))

    def event_types(self, after: str = "", limit: int = 200) -> tuple[str, ...]:
        """The names of types that the log holds, declared or not, in order of name."""
        with self._database.glance() as connection:
            values = {"after": after, "limit": limit}
            return tuple(row[0] for row in self._log.fetch(connection, _TYPES, values, ("type",)))

    def type_counts(self, types: Iterable[str] | None = None, cap: int = 10_000) -> dict[str, Count]:
        """How many events there are of each type; of the first 200 types of the log unless some are named."""
        wanted = self.event_types() if types is None else tuple(types)
        with self._database.read(by_index=True) as connection:
            return {
                type: Count.up_to(cap, int(self._log.scalar(connection, *type_count(type, cap + 1, self._log))))
                for type in wanted
            }

    def type_versions(self, type: str, most: int = 1_000) -> dict[int, Count]:
        """How many events of a type are stored in each schema version, among its oldest and its newest `most`."""
        select, values = versions_select(type, most, LAST, self._log)
        with self._database.glance() as connection:
            found: dict[int, int] = dict(self._log.fetch(connection, select, values, VERSION_COLUMNS))
        capped = sum(found.values()) >= 2 * most
        return {version: Count(value=met, capped=capped) for version, met in found.items()}

    def facets(self, where: EventFilter, most: int = 1_000) -> FacetCounts:
        """How the newest `most` events that fit divide into types, categories and actors."""
        with moment_of(self._database, where) as connection:
            return self._reader.facets(connection, where, most)

    def position_at(self, moment: datetime) -> int:
        """About the last position recorded before `moment`; 0 when there is none."""
        with self._database.glance() as connection:
            return self._reader.position_at(connection, moment)

    def appended_between(self, since: datetime, until: datetime) -> int:
        """About how many events were recorded in this time."""
        with self._database.read() as connection:
            first, last = (self._reader.position_at(connection, moment) for moment in (since, until))
            return max(0, last - first)

    def appended(self, since: datetime, until: datetime, parts: int) -> list[int]:
        """About how many events were recorded in each of `parts` equal parts of this time, oldest first.

        Exact up to `_LOOKED_AT` events; of more, evenly spaced ones stand for their neighbours.
        """
        counts = [0] * parts
        with self._database.read() as connection:
            first, last = (self._reader.position_at(connection, moment) for moment in (since, until))
            every = -(-max(1, last - first) // _LOOKED_AT)
            found = self._log.raw_at(connection, range(first + 1, last + 1, every), ("recorded_at",))
        for (text,) in found:
            part = int((from_text(text) - since) / ((until - since) / parts))
            if 0 <= part < parts:  # clocks of machines that append differ
                counts[part] += every
        return counts

    def rhythm(self, events: int = 200) -> Rhythm | None:
        """Of the newest events; None when there are fewer than two."""
        with self._database.read() as connection:
            head = self._reader.head(connection)
            found = self._log.raw_at(connection, range(max(0, head - events) + 1, head + 1), ("recorded_at",))
        times = [from_text(text) for (text,) in found]
        if len(times) < 2:
            return None
        pause = max((later - earlier).total_seconds() for earlier, later in pairwise(times))
        return Rhythm(events=len(times), newest=times[-1], longest_pause_seconds=max(0.0, pause))

    def database_size(self) -> int:
        """Bytes, as the database counts its pages."""
        return self._scalar(self._log.size, {})

    def _scalar(self, select: str, values: dict[str, Any]) -> int:
        with self._database.glance() as connection:
            return int(self._log.scalar(connection, select, values) or 0)


def type_count(type: str, most: int, words: Log) -> tuple[str, dict[str, Any]]:
    condition, order = words.run("type", "type", "position", "ASC")
    values = {"type": type, "after": 0, "until": LAST, "most": most}
    return _TYPE_COUNT.format(condition=condition, order=order), values


def _ranges(category: str | None, prefix: str) -> Iterator[tuple[str, str]]:
    """Where the names lie in the order of the index: from the first inclusive to the second exclusive."""
    prefixed = (prefix, prefix + _AFTER_ALL)
    if category is None:
        yield prefixed
        return
    # A stream may be named as its category alone; other names can lie between that one and the first with a hyphen.
    for low, high in ((category, category + "\x01"), (category + "-", category + ".")):
        yield max(low, prefixed[0]), min(high, prefixed[1])


def _summary(row: tuple[Any, ...]) -> StreamSummary:
    stream, version, last_position, first_at, last_at = row
    return StreamSummary(
        stream=stream,
        version=version,
        last_position=last_position,
        first_at=from_text(first_at),
        last_at=from_text(last_at),
    )
