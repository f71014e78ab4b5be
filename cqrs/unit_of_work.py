"""What a command handler works with: it reads what is stored and records what is wanted; nothing is written yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import msgspec
import sqlalchemy as sa

from cqrs.aggregates import Aggregate
from cqrs.dispatch import PlannedEvent
from cqrs.errors import InvalidMessage, UnstorableEvent
from cqrs.identifiers import derived_id, new_id
from cqrs.messages import Context, Event
from cqrs.store.event_store import EventStore
from cqrs.store.records import Expected, ExpectedVersion, IdempotencyKey, NewEvent, StateWrite, StreamAppend, Work
from cqrs.store.serialization import EventTypes
from cqrs.validation import revalidate

AnyAggregate = TypeVar("AnyAggregate", bound=Aggregate)

#: Opens a short snapshot of the main database.
OpenSnapshot = Callable[[], AbstractContextManager[sa.Connection]]


class UnitOfWork:
    """Belongs to one run of one handler. Each read is a short snapshot of its own, and nothing holds a lock.

    What was read is made safe by what is written: saved aggregates expect the version they were loaded at, and state
    tables have unique constraints. A conflict makes the mediator run the handler again in a new unit.
    """

    def __init__(
        self,
        *,
        events: EventStore,
        types: EventTypes,
        snapshot: OpenSnapshot | None,
        command: str,
        context: Context,
        now: datetime,
    ) -> None:
        self.now = now
        self.actor = context.actor
        self.command_id = context.command_id or new_id()
        self._context = context
        self._metadata = msgspec.json.encode({"command": command})
        self._events = events
        self._types = types
        self._snapshot = snapshot
        self._ids = 0
        self._loaded: dict[tuple[type[Aggregate], str], Aggregate] = {}
        self._appends: dict[str, StreamAppend] = {}
        self._writes: list[StateWrite] = []

    def new_id(self) -> str:
        """Derived from the command id: the same command makes the same ids, however often it is run."""
        self._ids += 1
        return derived_id(self.command_id, self._ids)

    def load(self, aggregate_class: type[AnyAggregate], id: str) -> AnyAggregate:
        """The aggregate with all its stored events; at version 0 when there are none. Twice gives the same object.

        Raises UnknownEventType or UnreadableEvent when the stream holds something the code cannot read.
        """
        known = self._loaded.get((aggregate_class, id))
        if isinstance(known, aggregate_class):
            return known
        aggregate = aggregate_class(id)
        stored = self._events.read_stream(aggregate.stream)
        aggregate.replay(self._types.decode(each.type, each.schema_version, each.data) for each in stored)
        self._loaded[aggregate_class, id] = aggregate
        return aggregate

    def save(self, aggregate: Aggregate) -> None:
        """Append what the aggregate recorded, expecting its stream as it was loaded."""
        expected = aggregate.version
        events = aggregate.take_recorded()
        self._loaded.setdefault((type(aggregate), aggregate.id), aggregate)
        if events:
            self.append(aggregate.stream, *events, expected=expected)

    def append(self, stream: str, *events: Event, expected: ExpectedVersion = Expected.ANY) -> None:
        """Raises UnstorableEvent for an event that could not be read back."""
        before = self._appends.get(stream)
        if before is None:
            before = StreamAppend(stream=stream, events=(), expected=expected)
        elif expected is not Expected.ANY and expected != _version_after(before):
            raise ValueError(f"This unit appends to {stream} already and cannot expect {expected} of it as well.")
        new = tuple(self._new_event(stream, event) for event in events)
        self._appends[stream] = StreamAppend(stream=stream, events=before.events + new, expected=before.expected)

    def query(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """Rows of the write side's own tables, as they are now."""
        if self._snapshot is None:
            raise RuntimeError("This unit of work has no database: give the mediator one, or test without tables.")
        with self._snapshot() as connection:
            return connection.execute(statement).all()

    def write(self, statement: sa.Executable, *, unique: Mapping[str, str] | None = None) -> None:
        """Have a statement executed in the commit, in the order given.

        `unique` tells the sentence for a column whose value is taken: it becomes an error of the field of that name.
        """
        self._writes.append(StateWrite(statement=statement, unique=dict(unique or {})))

    def invalid(self, message: str | None = None, /, **fields: str) -> NoReturn:
        """Refuse the command: one sentence a field, or one for the whole message."""
        whole = {"": [message]} if message is not None else {}
        raise InvalidMessage(whole | {name: [sentence] for name, sentence in fields.items()})

    def expect(self, stream: str, version: int) -> None:
        """Let the caller's expected version take the place of the one the handler met."""
        append = self._appends.get(stream)
        if append is not None:
            self._appends[stream] = StreamAppend(stream=stream, events=append.events, expected=version)

    def work(self, *, key: IdempotencyKey | None, result: Mapping[str, Any]) -> Work:
        """All that was recorded, for one commit."""
        return Work(
            command_id=self.command_id,
            correlation_id=self._context.correlation_id or self.command_id,
            appends=tuple(append for append in self._appends.values() if append.events),
            writes=tuple(self._writes),
            key=key,
            result=result,
        )

    def planned(self) -> tuple[PlannedEvent, ...]:
        """What a commit would append, with the versions the events would get."""
        return tuple(
            PlannedEvent(
                type=event.type,
                schema_version=event.schema_version,
                stream=append.stream,
                version=version,
                data=event.data.decode(),
            )
            for append in self._appends.values()
            for version, event in enumerate(append.events, self._events.stream_version(append.stream) + 1)
        )

    def _new_event(self, stream: str, event: Event) -> NewEvent:
        try:
            name, version, data = self._types.encode(revalidate(event))
        except InvalidMessage as invalid:
            why = str(invalid).removesuffix(".")
            raise UnstorableEvent(type=type(event).__name__, stream=stream, why=why) from invalid
        return NewEvent(
            type=name,
            schema_version=version,
            data=data,
            event_id=new_id(),
            correlation_id=self._context.correlation_id or self.command_id,
            causation_id=self.command_id,
            actor=self.actor,
            metadata=self._metadata,
            recorded_at=self._context.now,
        )


def _version_after(append: StreamAppend) -> ExpectedVersion | None:
    """The version a stream has once the append is done; None when that is not known beforehand."""
    before = 0 if append.expected is Expected.NO_STREAM else append.expected
    return before + len(append.events) if isinstance(before, int) else None
