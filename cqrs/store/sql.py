"""The log in an SQL database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from cqrs.clock import Clock, utc_now
from cqrs.errors import ConcurrencyError, DatabaseBusy, InvalidMessage, OrderNotHeld, TransactionClash
from cqrs.store import answers
from cqrs.store.database import Database
from cqrs.store.drafts import Draft, drafts_of, number
from cqrs.store.event_store import RawEvent
from cqrs.store.head_watch import HeadWatch
from cqrs.store.inline import Inline, NotNow, step_of
from cqrs.store.listing import Page
from cqrs.store.log import StreamMoved
from cqrs.store.log_choice import log_of
from cqrs.store.log_reader import LAST, LogReader, moment_of
from cqrs.store.order_remedy import end_holder
from cqrs.store.order_report import Holder, OrderReport, report_order
from cqrs.store.ordering import SafeHead
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
    StateWrite,
    StreamAppend,
    Work,
    meets,
)

# Each lost race means that another append succeeded, so this many in a row are no accident.
_ATTEMPTS = 20
# Whoever holds an inline projection does so for some milliseconds; were it to die, for seconds. All attempts: 7 s.
_FIRST_WAIT_SECONDS = 0.005
_LONGEST_WAIT_SECONDS = 0.5


class _DryRun(Exception):
    """Leaves the transaction of a dry run."""


class SqlEventStore:
    """An EventStore; see there. It opens no connection before it is used."""

    def __init__(self, database: Database, *, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._log = log_of(database)
        self._reader = LogReader(self._log)
        self._watch = HeadWatch()
        self._order = SafeHead(database.engine) if database.dialect == "postgresql" else None
        self._inline: Inline | None = None

    def take_along(self, inline: Inline) -> None:
        """From now on let `inline` take part in every append that concerns it. To be called before the first one."""
        self._inline = inline

    def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: ExpectedVersion = Expected.ANY
    ) -> list[RecordedEvent]:
        append = StreamAppend(stream=stream, events=tuple(events), expected=expected)
        return list(self.commit(Work(command_id="", correlation_id="", appends=(append,))).events)

    def commit(self, work: Work, *, dry_run: bool = False) -> Committed:
        drafts = [drafts_of(append) for append in work.appends]
        for attempt in range(_ATTEMPTS):
            # Whoever lost a race gets in line: against a stream of newcomers it would lose again and again.
            line = {append.stream for append in work.appends} if attempt else set()
            try:
                done = self._append_alone(work, drafts) if not (attempt or dry_run) else None
                return done or self._commit(work, drafts, dry_run, line)
            except (StreamMoved, TransactionClash):
                continue
            except NotNow:
                time.sleep(min(_FIRST_WAIT_SECONDS * 2**attempt, _LONGEST_WAIT_SECONDS))
        raise DatabaseBusy(database=self._database.name)

    def _append_alone(self, work: Work, drafts: list[list[Draft]]) -> Committed | None:
        """The short way, where there is one, for events of one stream and nothing else."""
        if work.key is not None or work.writes or len(drafts) != 1 or not drafts[0]:
            return None
        if step_of(self._inline, self._log, drafts[0]) is not None:
            return None
        number(drafts[0], 0, self._clock())
        positions = self._log.append_alone(self._database, work.appends[0].expected, drafts[0])
        return None if positions is None else self._done(positions, drafts[0])

    def _done(self, positions: list[int], rows: list[Draft]) -> Committed:
        self._watch.announce()
        recorded = RecordedEvent._make
        events = tuple([recorded((position, *row)) for position, row in zip(positions, rows, strict=True)])
        return Committed(events=events)

    def _commit(self, work: Work, drafts: list[list[Draft]], dry_run: bool, line: set[str]) -> Committed:
        rows = [row for each in drafts for row in each]
        positions: list[int] = []
        inline = step_of(self._inline, self._log, rows)
        try:
            with self._database.write() as connection:
                self._log.queue_up(connection, line)
                if work.key is not None and not answers.claim(connection, work, work.key, self._clock()):
                    return Committed(repeated=answers.find(connection, work.key, self._reader))
                for write in work.writes:
                    self._execute(connection, write)
                if inline:
                    inline.begin(connection, dry_run=dry_run)
                self._number(connection, work.appends, drafts)
                if inline:
                    inline.apply(connection)
                if dry_run:
                    raise _DryRun
                positions = self._log.insert(connection, rows)
                if inline:
                    inline.check(positions)
        except _DryRun:
            return Committed()
        if inline:
            inline.announce()
        return self._done(positions, rows)

    def _execute(self, connection: sa.Connection, write: StateWrite) -> None:
        try:
            connection.execute(write.statement)
        except sa.exc.IntegrityError as error:
            taken = self._log.taken_columns(error.orig)
            errors = {column: [text] for column, text in write.unique.items() if column in taken}
            if not errors:
                raise
            raise InvalidMessage(errors) from error

    def _number(self, connection: sa.Connection, appends: Sequence[StreamAppend], drafts: list[list[Draft]]) -> None:
        """Check what the appends expect, and give their events versions."""
        now, versions = self._clock(), dict[str, int]()
        for append, rows in zip(appends, drafts, strict=True):
            actual = versions.get(append.stream)
            if actual is None:
                actual = self._reader.stream_version(connection, append.stream)
            if not meets(append.expected, actual):
                raise ConcurrencyError(stream=append.stream, expected=append.expected, actual=actual)
            versions[append.stream] = number(rows, actual, now)

    def find_answer(self, key: IdempotencyKey) -> Repeated | None:
        with self._database.read(by_index=True) as connection:
            return answers.find(connection, key, self._reader)

    def stream_version(self, stream: str) -> int:
        with self._database.read() as connection:
            return self._reader.stream_version(connection, stream)

    def read_stream(
        self,
        stream: str,
        *,
        after: int = 0,
        until: int | None = None,
        backwards: bool = False,
        limit: int | None = None,
    ) -> list[RecordedEvent]:
        page = Page(after, _or_last(until), _or_last(limit), backwards)
        with self._database.read(by_index=True) as connection:
            return self._reader.listed(connection, EventFilter(stream=stream), page)

    def read_all(
        self, *, after: int = 0, until: int | None = None, limit: int = 1000, where: EventFilter = EVERYTHING
    ) -> list[RecordedEvent]:
        with moment_of(self._database, where) as connection:
            return self._reader.page(connection, where, Page(after, _or_last(until), limit))

    def read_back(
        self, *, before: int | None = None, limit: int = 50, where: EventFilter = EVERYTHING
    ) -> list[RecordedEvent]:
        until = LAST if before is None else before - 1
        with moment_of(self._database, where) as connection:
            return self._reader.page(connection, where, Page(0, until, limit, descending=True))

    def raw_events(
        self,
        after: int,
        until: int | None = None,
        types: Sequence[str] = (),
        limit: int = 1000,
        columns: Sequence[str] = RecordedEvent._fields,
    ) -> list[RawEvent]:
        with self._database.glance() as connection:
            return self._log.raw_events(connection, after, _or_last(until), types, limit, columns)

    def raw_at(self, positions: Sequence[int], columns: Sequence[str] = RecordedEvent._fields) -> list[RawEvent]:
        with self._database.glance() as connection:
            return self._log.raw_at(connection, positions, columns)

    def get(self, position: int) -> RecordedEvent | None:
        with self._database.glance() as connection:
            return self._reader.one(connection, "position", position)

    def get_by_id(self, event_id: str) -> RecordedEvent | None:
        with self._database.glance() as connection:
            return self._reader.one(connection, "event_id", event_id)

    def head(self) -> int:
        with self._database.glance() as connection:
            return self._reader.head(connection)

    def safe_head(self) -> int:
        """On SQLite the head: with one writer at a time, positions become visible in order."""
        if self._order is None:
            return self.head()
        with self._database.explained():
            return self._order.advance()

    def order(self) -> OrderReport | None:
        """Where the log stands and which open transactions hold its order; None where commits are in order anyway."""
        if self._order is None:
            return None
        with self._database.explained():
            return report_order(self._database.engine, self._order)

    def end_holder(self, transaction: str) -> Holder:
        """End by force a transaction that holds the order: what it did is rolled back. See `order_remedy`.

        Raises OrderNotHeld, HolderProtected, HolderStays.
        """
        if self._order is None:
            raise OrderNotHeld(transaction=transaction)
        with self._database.explained():
            return end_holder(self._database.engine, transaction)

    def edge(
        self, where: EventFilter, *, after: int = 0, until: int | None = None, backwards: bool = False
    ) -> int | None:
        with self._database.read(by_index=True) as connection:
            return self._reader.edge(connection, where, Page(after, _or_last(until), 0, backwards))

    def position_at(self, moment: datetime) -> int:
        with self._database.glance() as connection:
            return self._reader.position_at(connection, moment)

    def wait_beyond(self, position: int, timeout_seconds: float) -> int:
        return self._watch.wait_beyond(position, timeout_seconds, self.safe_head)

    def close(self) -> None:
        self._watch.close()


def _or_last(value: int | None) -> int:
    return LAST if value is None else value
