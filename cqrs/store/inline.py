"""What takes part in the transaction of an append. The log knows no more of it than what stands here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from cqrs.store.drafts import Draft
from cqrs.store.event_store import RawEvent
from cqrs.store.log import Log, StreamMoved
from cqrs.store.records import RecordedEvent

#: Where the type of an event stands in a draft.
TYPE = RecordedEvent._fields.index("type") - 1


class NotNow(Exception):
    """Somebody else is at work on what has to be changed: try the whole transaction again a little later."""


@dataclass(frozen=True, slots=True)
class Appending:
    """An append under way. Nobody else can draw a position before it ends (but in a dry run, which stores nothing)."""

    connection: sa.Connection
    #: Those that are about to be stored, with the positions they will have.
    events: Sequence[RecordedEvent]
    #: Events of some types that are in the log behind a position; at most so many, in these columns.
    earlier: Callable[[int, Sequence[str], int, Sequence[str]], list[RawEvent]]


class Inline(Protocol):
    """Read models that are changed together with the log."""

    @property
    def types(self) -> frozenset[str]:
        """Only appends with events of these types concern it."""
        ...

    def apply(self, appending: Appending) -> Sequence[str]:
        """Change what is to be changed, on the append's connection; returns the names of what moved.

        Raises NotNow; whatever else it raises refuses the append.
        """
        ...

    def announce(self, moved: Sequence[str], position: int) -> None:
        """What `apply` moved is committed, up to this position."""
        ...


class InlineStep:
    """The part that an Inline takes in one append."""

    def __init__(self, inline: Inline, log: Log, rows: Sequence[Draft]) -> None:
        self._inline = inline
        self._log = log
        self._rows = rows
        self._first = 0
        self._moved: Sequence[str] = ()

    def begin(self, connection: sa.Connection, *, dry_run: bool) -> None:
        """Keep all others from drawing positions until the transaction ends. A dry run draws none, so it keeps nobody
        waiting. To be called before versions are checked: then nobody can come in between either."""
        self._first = self._log.next_position(connection) if dry_run else self._log.be_alone(connection)

    def apply(self, connection: sa.Connection) -> None:
        """When the rows have their versions and times."""
        first = self._first

        def earlier(after: int, types: Sequence[str], limit: int, columns: Sequence[str]) -> list[RawEvent]:
            return self._log.raw_events(connection, after, first - 1, types, limit, columns)

        events = [RecordedEvent(position, *row) for position, row in enumerate(self._rows, start=first)]
        self._moved = self._inline.apply(Appending(connection, events, earlier))

    def check(self, positions: Sequence[int]) -> None:
        """Raises StreamMoved when the events got other positions: somebody took numbers without the lock."""
        if positions != [*range(self._first, self._first + len(self._rows))]:
            raise StreamMoved

    def announce(self) -> None:
        """All is committed."""
        self._inline.announce(self._moved, self._first + len(self._rows) - 1)


def step_of(inline: Inline | None, log: Log, rows: Sequence[Draft]) -> InlineStep | None:
    """None for an append that does not concern it."""
    if inline is None or not any(row[TYPE] in inline.types for row in rows):
        return None
    return InlineStep(inline, log, rows)
