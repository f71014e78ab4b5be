"""What there is to say about a type of event: what the code declares, what the log holds, who handles it."""

from __future__ import annotations

import bisect
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cqrs.console import current, masking
from cqrs.console.payloads import upcaster_note
from cqrs.errors import NotFound
from cqrs.fields import Field, fields_of
from cqrs.messages import MASK, Event, event_version
from cqrs.store.records import EventFilter, RecordedEvent
from cqrs.store.reports import Count

#: Events of one type that are counted.
CAP = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFacts:
    name: str
    #: The schema version of today's code; None when no domain of this program declares the type.
    declared: int | None
    count: Count
    #: How many are stored in each schema version, by version.
    versions: Mapping[int, Count]
    first: RecordedEvent | None
    last: RecordedEvent | None
    #: Names of projections.
    handled_by: Sequence[str]

    @property
    def unknown(self) -> bool:
        return self.declared is None

    @property
    def too_new(self) -> Sequence[int]:
        """Versions in the log that this program is too old to read."""
        return [version for version in self.versions if self.declared is not None and version > self.declared]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upcaster:
    before: int
    after: int
    #: What it says it does.
    note: str | None
    #: Events stored in the version it begins with.
    stored: Count | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypePage:
    items: Sequence[TypeFacts]
    #: The cursor of the page that follows; None on the last.
    next: str | None


def types_page(cursor: str | None, limit: int) -> TypePage:
    """By name: what the code declares and what the log holds. The cursor is a name."""
    runtime = current.runtime()
    declared = sorted(runtime.types.names())
    ahead = declared[bisect.bisect_right(declared, cursor or "") :]
    names = sorted({*ahead, *runtime.reports.event_types(cursor or "", limit + 1)})[: limit + 1]
    items = [facts_of(name) for name in names[:limit]]
    return TypePage(items=items, next=names[limit - 1] if len(names) > limit else None)


def type_named(name: str) -> TypeFacts:
    """Raises NotFound for a name that neither the code nor the log knows."""
    facts = facts_of(name)
    if facts.unknown and facts.last is None:
        raise NotFound(what="event type", name=name)
    return facts


def facts_of(name: str) -> TypeFacts:
    runtime = current.runtime()
    cls, where = runtime.types.cls(name), EventFilter(types=(name,))
    first = runtime.events.read_all(limit=1, where=where)
    last = runtime.events.read_back(limit=1, where=where)
    return TypeFacts(
        name=name,
        declared=None if cls is None else event_version(cls),
        count=runtime.reports.type_counts([name], CAP)[name],
        versions=runtime.reports.type_versions(name, CAP // 2) if first else {},
        first=first[0] if first else None,
        last=last[0] if last else None,
        handled_by=sorted(each.name for each in runtime.catalogue.projections.values() if name in each.handled_types()),
    )


def description_of(name: str) -> str | None:
    """The docstring of the class, unless that is the one of its base."""
    cls = current.runtime().types.cls(name)
    text = None if cls is None else cls.__doc__
    return inspect.cleandoc(text) if text and text != Event.__doc__ else None


def schema_of(name: str) -> Sequence[Field]:
    """The fields of the current version; a sensitive one keeps its default to itself."""
    cls = current.runtime().types.cls(name)
    return [] if cls is None else fields_of(cls)


def default_of(field: Field) -> object:
    return MASK if field.default is not None and masking.is_sensitive(field.name) else field.default


def upcasters_for(facts: TypeFacts) -> Sequence[Upcaster]:
    return [
        Upcaster(before=v, after=v + 1, note=upcaster_note(facts.name, v), stored=facts.versions.get(v))
        for v in range(1, facts.declared or 1)
    ]
