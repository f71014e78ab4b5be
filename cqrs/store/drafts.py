"""Events just before they are stored: checked and laid out as rows, so that little is left to do under a lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cqrs.errors import UnstorableEvent
from cqrs.store.records import NewEvent, RecordedEvent, StreamAppend, check_stream_name

#: Bytes of data and metadata together.
LARGEST_EVENT = 1024 * 1024

#: The columns of an event in the order of RecordedEvent, without its position.
COLUMNS = RecordedEvent._fields[1:]
VERSION = COLUMNS.index("version")
RECORDED_AT = COLUMNS.index("recorded_at")

#: The values of COLUMNS; version and a missing recorded_at are filled in by `number`.
Draft = list[Any]


def drafts_of(append: StreamAppend) -> list[Draft]:
    """Raises InvalidStreamName, or UnstorableEvent for data that are too large or no UTF-8."""
    check_stream_name(append.stream)
    return [_draft(append.stream, event) for event in append.events]


def _draft(stream: str, event: NewEvent) -> Draft:
    size = len(event.data) + len(event.metadata)
    if size > LARGEST_EVENT:
        why = f"it takes {size:,} bytes of {LARGEST_EVENT:,}; keep the large part elsewhere and refer to it"
        raise UnstorableEvent(type=event.type, stream=stream, why=why)
    try:
        data, metadata = event.data.decode(), event.metadata.decode()
    except UnicodeDecodeError as error:
        raise UnstorableEvent(type=event.type, stream=stream, why="its data are not UTF-8") from error
    return [
        stream,
        0,
        event.type,
        event.schema_version,
        data,
        metadata,
        event.event_id,
        event.correlation_id,
        event.causation_id,
        event.actor,
        event.recorded_at,
    ]


def number(drafts: list[Draft], version: int, now: datetime) -> int:
    """Give the drafts the versions after `version`, and `now` where they have no time. Returns the last version."""
    for following, draft in enumerate(drafts, start=version + 1):
        draft[VERSION] = following
        if draft[RECORDED_AT] is None:
            draft[RECORDED_AT] = now
    return version + len(drafts)
