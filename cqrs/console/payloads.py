"""The payload of an event: as stored, as handlers see it, what its upcasters changed. Sensitive fields are masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cqrs.console import current, masking
from cqrs.console.changes import Change, compare
from cqrs.errors import UnknownEventType, UnreadableEvent
from cqrs.store.records import RecordedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    value: object
    #: The schema version of `value`: the current one, or the stored one when upcasting is not possible.
    version: int
    steps: int = 0
    #: Empty when the event is stored in the current version.
    changes: Sequence[Change] = ()
    #: Why it is shown as it is stored; None when it is not.
    unreadable: str | None = None


def payload_of(event: RecordedEvent) -> Payload:
    stored = masking.data_of(event)
    try:
        last = current.runtime().types.upcast(event.type, event.schema_version, event.data)[-1]
    except (UnknownEventType, UnreadableEvent) as error:
        return Payload(value=stored, version=event.schema_version, unreadable=str(error))
    if last.version == event.schema_version:
        return Payload(value=stored, version=last.version)
    read = masking.masked(last.data)
    steps = last.version - event.schema_version
    return Payload(value=read, version=last.version, steps=steps, changes=compare(stored, read))
