"""What every log can do, whatever it is kept in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

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
    Work,
)

#: A search that meets events that do not fit looks at no more than this many.
WINDOW = 100_000

#: Clocks of machines that append may differ by this much without a time filter missing an event.
CLOCK_SLACK_SECONDS = 60.0

#: What `raw_events` yields: the columns asked for in their order, `recorded_at` as ISO text.
RawEvent = tuple[Any, ...]


class EventStore(Protocol):
    """Events in streams (versions 1, 2, 3 …) and in one global order (positions, which may have holes).

    Safe for use by several threads. Methods that write raise DatabaseBusy, DiskFull or DatabaseUnavailable when the
    database fails; nothing is stored then.
    """

    def append(
        self, stream: str, events: Sequence[NewEvent], *, expected: ExpectedVersion = Expected.ANY
    ) -> list[RecordedEvent]:
        """Store all of `events` or none. Raises ConcurrencyError when the stream is not as expected."""
        ...

    def commit(self, work: Work, *, dry_run: bool = False) -> Committed:
        """Carry out `work` in one transaction: idempotency row, state writes, versions, and the events last.

        Raises ConcurrencyError; IdempotencyConflict when the key was used with another body; InvalidMessage when a
        state write meets a taken unique value. A failed commit leaves nothing behind, not even its key. A dry run
        stops before the events and rolls back: constraints and versions are tested, no position is drawn.
        """
        ...

    def find_answer(self, key: IdempotencyKey) -> Repeated | None:
        """What was answered under this key; None when it is new. Raises IdempotencyConflict for another body."""
        ...

    def stream_version(self, stream: str) -> int:
        """0 when there is no such stream."""
        ...

    def read_stream(
        self,
        stream: str,
        *,
        after: int = 0,
        until: int | None = None,
        backwards: bool = False,
        limit: int | None = None,
    ) -> list[RecordedEvent]:
        """Events with `after` < version <= `until`; the newest first when `backwards`."""
        ...

    def read_all(
        self, *, after: int = 0, until: int | None = None, limit: int = 1000, where: EventFilter = EVERYTHING
    ) -> list[RecordedEvent]:
        """Events with `after` < position <= `until`, ascending; as far as `edge` says."""
        ...

    def read_back(
        self, *, before: int | None = None, limit: int = 50, where: EventFilter = EVERYTHING
    ) -> list[RecordedEvent]:
        """Events with position < `before` (None: from the head), the newest first; as far as `edge` says."""
        ...

    def raw_events(
        self,
        after: int,
        until: int | None = None,
        types: Sequence[str] = (),
        limit: int = 1000,
        columns: Sequence[str] = RecordedEvent._fields,
    ) -> list[RawEvent]:
        """Rows with `after` < position <= `until` of these types (none: all), ascending; for reading in bulk.

        `data` and `metadata` are whatever `msgspec.json` decodes: text, bytes or msgspec.Raw. Ask for
        no more columns than needed: twelve take three times as long as three.
        """
        ...

    def raw_at(self, positions: Sequence[int], columns: Sequence[str] = RecordedEvent._fields) -> list[RawEvent]:
        """The rows at these positions, ascending, as `raw_events` yields them; none for a position without an event."""
        ...

    def edge(
        self, where: EventFilter, *, after: int = 0, until: int | None = None, backwards: bool = False
    ) -> int | None:
        """Where a search between these bounds stops looking: the position of the last event it looks at.

        None when it looks at all there are. One index finds events in their order; where the filter has conditions
        beyond that, they are checked on a window of events.
        """
        ...

    def get(self, position: int) -> RecordedEvent | None: ...

    def get_by_id(self, event_id: str) -> RecordedEvent | None: ...

    def head(self) -> int:
        """The highest position; 0 when the log is empty."""
        ...

    def safe_head(self) -> int:
        """The position up to which no event can appear any more: readers that keep a checkpoint stop here."""
        ...

    def position_at(self, moment: datetime) -> int:
        """About the last position recorded before `moment`: exact where the clocks of all who appended agree."""
        ...

    def wait_beyond(self, position: int, timeout_seconds: float) -> int:
        """Wait until the safe head is higher than `position`, and return it; 0 when it is not after
        `timeout_seconds`."""
        ...

    def close(self) -> None:
        """Wake up whoever waits. The database stays open: it belongs to who opened it."""
        ...
