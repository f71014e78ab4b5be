"""Reading the log on a connection: lists by any filter, and the positions that times and versions stand for."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.store.event_store import CLOCK_SLACK_SECONDS
from cqrs.store.facets import FACET_COLUMNS, FacetCounts, facet_counts, facet_select
from cqrs.store.instants import from_text
from cqrs.store.listing import COLUMNS, Page, edge, listing
from cqrs.store.log import Log
from cqrs.store.records import EVERYTHING, EventFilter, RecordedEvent
from cqrs.store.sought import checked

#: Higher than any position or version.
LAST = 2**63 - 1

_SLACK = timedelta(seconds=CLOCK_SLACK_SECONDS)
_HEAD = "SELECT max(position) FROM events"
_VERSION = "SELECT max(version) FROM events WHERE stream = :stream"

# Halving the way, in one statement: from 2**62 down, each step is taken if what stands there still comes before.
_HALVING = """
WITH RECURSIVE way(reached, step) AS (
    SELECT CAST(0 AS BIGINT), 4611686018427387904
    UNION ALL
    SELECT reached + CASE WHEN {before} THEN step ELSE 0 END, step / 2 FROM way WHERE step > 0)
SELECT reached FROM way WHERE step = 0"""
_POSITION_AT = _HALVING.format(
    before="(SELECT recorded_at FROM events WHERE position >= reached + step ORDER BY position LIMIT 1) < :moment"
)
_VERSION_AT = _HALVING.format(
    before="(SELECT position FROM events WHERE stream = :stream AND version = reached + step) <= :position"
)


class LogReader:
    """Keeps nothing: what belongs together is read on one connection, from one snapshot."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def head(self, connection: sa.Connection) -> int:
        return self._log.scalar(connection, _HEAD, {}) or 0

    def stream_version(self, connection: sa.Connection, stream: str) -> int:
        return self._log.scalar(connection, _VERSION, {"stream": stream}) or 0

    def page(self, connection: sa.Connection, where: EventFilter, page: Page) -> list[RecordedEvent]:
        """Bounded by positions, also where the filter names a stream."""
        return self.listed(connection, where, self._narrowed(connection, where, page))

    def listed(self, connection: sa.Connection, where: EventFilter, page: Page) -> list[RecordedEvent]:
        """Bounded by versions where the filter names a stream."""
        select, values = listing(where, page, self._log)
        return [_recorded(row) for row in self._log.fetch(connection, select, values)]

    def facets(self, connection: sa.Connection, where: EventFilter, most: int) -> FacetCounts:
        """Of the newest `most` events that fit."""
        newest = self._narrowed(connection, where, Page(0, LAST, most, descending=True))
        select, values = facet_select(where, newest, self._log)
        rows = self._log.fetch(connection, select, {**values, "groups": most}, FACET_COLUMNS)
        met = sum(row[-1] for row in rows)
        return facet_counts(rows, complete=met < most and self.edge(connection, where, newest) is None)

    def one(self, connection: sa.Connection, column: str, value: object) -> RecordedEvent | None:
        select = f"SELECT {COLUMNS} FROM events WHERE {column} = :value ORDER BY position LIMIT 1"
        rows = self._log.fetch(connection, select, {"value": value})
        return _recorded(rows[0]) if rows else None

    def edge(self, connection: sa.Connection, where: EventFilter, page: Page) -> int | None:
        """See EventStore.edge."""
        if checked(where) == EVERYTHING:
            return None
        found: int | None = self._log.scalar(
            connection, *edge(where, self._narrowed(connection, where, page), self._log)
        )
        return found

    def position_at(self, connection: sa.Connection, moment: datetime) -> int:
        """Times rise with positions but for the clocks' differences: halving the way saves an index at every append."""
        return int(self._log.scalar(connection, _POSITION_AT, {"moment": self._log.moment(moment)}))

    def _narrowed(self, connection: sa.Connection, where: EventFilter, page: Page) -> Page:
        """The bounds on positions that follow from times; as versions where a stream is read."""
        after, until = page.after, page.until
        if where.since is not None:
            after = max(after, self.position_at(connection, where.since - _SLACK))
        if where.until is not None:
            until = min(until, self.position_at(connection, where.until + _SLACK))
        if where.stream is not None:
            after, until = (self._version_at(connection, where.stream, position) for position in (after, until))
        return Page(after, until, page.limit, page.descending)

    def _version_at(self, connection: sa.Connection, stream: str, position: int) -> int:
        """The version of the stream's last event at or before `position`: within a stream both rise together."""
        if not 0 < position < LAST:
            return position
        return int(self._log.scalar(connection, _VERSION_AT, {"stream": stream, "position": position}))


def moment_of(database: Database, where: EventFilter) -> AbstractContextManager[sa.Connection]:
    """For a page of events: bounds that are looked up first must be of its moment, and a condition that most events
    fulfil must not make a planner read them all, to sort them and to throw away what is beyond the limit."""
    return database.glance() if where == EVERYTHING else database.read(by_index=True)


def _recorded(row: tuple[Any, ...]) -> RecordedEvent:
    return RecordedEvent._make((*row[:-1], from_text(row[-1])))
