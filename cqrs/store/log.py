"""The part of the log that each kind of database does in its own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.store.drafts import Draft
from cqrs.store.event_store import RawEvent
from cqrs.store.records import ExpectedVersion, RecordedEvent

EVENT_COLUMNS = RecordedEvent._fields


class StreamMoved(Exception):
    """Someone else appended to a stream between the reading of its version and the insert: begin again."""


class Log(Protocol):
    """Speaks one dialect and keeps nothing. Queries name their values `:name`."""

    #: Joins a table to the ones before it, where possible in just this order.
    @property
    def join_in_order(self) -> str: ...

    #: Matches a pattern without regard to case in ASCII.
    @property
    def like(self) -> str: ...

    #: The part of a stream's name that is its category.
    @property
    def category(self) -> str: ...

    #: A query for the bytes that the database takes.
    @property
    def size(self) -> str: ...

    def run(self, expression: str, name: str, column: str, direction: str) -> tuple[str, str]:
        """A condition and an order that only the index on (expression, column) answers: where the expression is
        `:name`, and the column between `:after` and `:until`."""

    def arm(self, select: str, order: str) -> str:
        """A select that is merged with others by its only column."""

    def moment(self, value: datetime) -> Any:
        """As `scalar` returns it, and as queries compare with it."""

    def append_alone(self, database: Database, expected: ExpectedVersion, rows: Sequence[Draft]) -> list[int] | None:
        """Append to one stream in a transaction of one statement, and number the drafts behind what is there.

        Returns the positions; None when it has to be done the long way, which also tells why.
        """

    def queue_up(self, connection: sa.Connection, streams: Iterable[str]) -> None:
        """Wait until no other transaction that lost a race for one of the streams is at work."""

    def be_alone(self, connection: sa.Connection) -> int:
        """Wait until every append under way has ended, and let none begin before this transaction ends. Returns the
        position that will be drawn next."""

    def next_position(self, connection: sa.Connection) -> int:
        """The same without waiting: somebody else may draw it."""

    def insert(self, connection: sa.Connection, rows: Sequence[Draft]) -> list[int]:
        """Returns the positions. To be the last statement of a transaction.

        Raises UnstorableEvent for an event id that is in the log already, StreamMoved for a version that is.
        """

    def scalar(self, connection: sa.Connection, select: str, values: Mapping[str, Any]) -> Any:
        """The single value a query answers; None without a row."""

    def fetch(
        self, connection: sa.Connection, select: str, values: Mapping[str, Any], columns: Sequence[str] = EVENT_COLUMNS
    ) -> list[tuple[Any, ...]]:
        """All rows of a query that names `columns`, has an order and a LIMIT. Moments are ISO text."""

    def raw_events(
        self,
        connection: sa.Connection,
        after: int,
        until: int,
        types: Sequence[str],
        limit: int,
        columns: Sequence[str],
    ) -> list[RawEvent]:
        """See EventStore.raw_events."""

    def raw_at(self, connection: sa.Connection, positions: Sequence[int], columns: Sequence[str]) -> list[RawEvent]:
        """See EventStore.raw_at."""

    def taken_columns(self, error: BaseException | None) -> frozenset[str]:
        """The columns of the unique constraint that a driver's error is about; none when it is about something else."""
