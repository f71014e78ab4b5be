"""What goes into the log and what comes out of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from cqrs.errors import InvalidStreamName

LONGEST_STREAM_NAME = 255


class Expected(enum.Enum):
    """What an append expects of its stream when it does not name a version. As text: the version meant."""

    ANY = "any"
    NO_STREAM = "0"
    EXISTS = "1 or more"

    def __str__(self) -> str:
        return self.value

    def met_by(self, actual: int) -> bool:
        return self is Expected.ANY or (actual == 0) == (self is Expected.NO_STREAM)


#: An int is the exact version: 1 is the first event of a stream, 0 says the same as NO_STREAM.
ExpectedVersion = Expected | int


def meets(expected: ExpectedVersion, actual: int) -> bool:
    """Whether a stream at version `actual` (0: it does not exist) is what the append expects."""
    return expected.met_by(actual) if isinstance(expected, Expected) else expected == actual


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event on its way into the log: `data` and `metadata` are JSON objects in UTF-8."""

    type: str
    schema_version: int
    data: bytes
    event_id: str
    correlation_id: str
    causation_id: str | None
    actor: str
    metadata: bytes = b"{}"
    #: None: the store's clock at the moment of the append.
    recorded_at: datetime | None = None


class RecordedEvent(NamedTuple):
    """An event of the log. `data` and `metadata` are JSON text as it was stored, not upcast."""

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    data: str
    metadata: str
    event_id: str
    correlation_id: str
    causation_id: str | None
    actor: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAppend:
    stream: str
    events: tuple[NewEvent, ...]
    expected: ExpectedVersion = Expected.ANY


@dataclass(frozen=True, slots=True, kw_only=True)
class StateWrite:
    """A statement on a state-stored table. `unique` tells which sentence a taken value of which column deserves."""

    statement: sa.Executable
    unique: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """What makes two requests the same one. `body_hash` tells a repetition from a mistake."""

    actor: str
    command: str
    key: str
    body_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that one command wants written, together or not at all."""

    command_id: str
    correlation_id: str
    appends: tuple[StreamAppend, ...] = ()
    writes: tuple[StateWrite, ...] = ()
    key: IdempotencyKey | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The answer given to the first request with the same idempotency key."""

    command_id: str
    correlation_id: str
    result: dict[str, Any]
    events: tuple[RecordedEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a commit wrote; or, with `repeated`, that it wrote nothing because it had been done before."""

    events: tuple[RecordedEvent, ...] = ()
    repeated: Repeated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """All conditions hold at once; no condition means every event.

    `since` is inclusive, `until` exclusive; both compare with the clocks of the machines that appended. `text` is
    looked for in the stored data, without regard to case in ASCII; of `spelled`, each as JSON has it, one is enough.
    """

    types: tuple[str, ...] = ()
    stream: str | None = None
    category: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    spelled: tuple[str, ...] = ()


EVERYTHING = EventFilter()


def category_of(stream: str) -> str:
    """What stands before the first hyphen; the whole name when it has none."""
    return stream.partition("-")[0]


def check_stream_name(stream: str) -> None:
    """Raises InvalidStreamName for a name that could not be stored, shown or typed."""
    if not stream:
        raise InvalidStreamName(name=stream, why="it is empty")
    if len(stream) > LONGEST_STREAM_NAME:
        raise InvalidStreamName(name=stream[:40] + "…", why=f"it is longer than {LONGEST_STREAM_NAME} characters")
    if not stream.isprintable():
        raise InvalidStreamName(name=stream, why="it holds a character that cannot be printed")
