"""The payload of an event: as stored, as handlers see it, what each upcaster changed. Sensitive fields are masked."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from cqrs.console import current, masking
from cqrs.console.changes import Change, compare
from cqrs.errors import UnknownEventType, UnreadableEvent
from cqrs.messages import upcasters_of
from cqrs.store.records import RecordedEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one upcaster made of the data of a schema version. `note` is the first line of its docstring."""

    before: int
    after: int
    changes: Sequence[Change]
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    value: object
    #: The schema version of `value`: the current one, or the stored one when upcasting is not possible.
    version: int
    #: One a version; none when the event is stored in the current one.
    steps: Sequence[Step] = ()
    #: Why it is shown as it is stored; None when it is not.
    unreadable: str | None = None


def payload_of(event: RecordedEvent) -> Payload:
    stored = masking.data_of(event)
    try:
        found = current.runtime().types.upcast(event.type, event.schema_version, event.data)
    except (UnknownEventType, UnreadableEvent) as error:
        return Payload(value=stored, version=event.schema_version, unreadable=str(error))
    if len(found) == 1:
        return Payload(value=stored, version=event.schema_version)
    shown = [(step.version, masking.masked(step.data)) for step in found]
    steps = [
        Step(before=version, after=later, changes=compare(before, after), note=upcaster_note(event.type, version))
        for (version, before), (later, after) in itertools.pairwise(shown)
    ]
    return Payload(value=shown[-1][1], version=found[-1].version, steps=steps)


def upcaster_note(type: str, version: int) -> str | None:
    """What the upcaster from this version says it does; None when it says nothing."""
    cls = current.runtime().types.cls(type)
    upcaster = None if cls is None else upcasters_of(cls).get(version)
    lines = (inspect.getdoc(upcaster) or "").splitlines() if inspect.isfunction(upcaster) else []
    return lines[0] if lines else None
