"""Where a few typed characters can lead: an event, a stream, a command's events, a row, a page, by exact name first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import url_for

from cqrs.console import current, navigation
from cqrs.console.addresses import LARGEST_POSITION
from cqrs.console.filters import number
from cqrs.errors import ReadModelMissing, ShapeMismatch
from cqrs.store.records import EventFilter

if TYPE_CHECKING:
    from cqrs.runtime import Runtime

#: Of those that only begin like what was typed.
MOST_NEAR = 20
#: Longer texts are no name of anything.
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Destination:
    """`kind` says what it is: "event", "stream", …; `exact` that it was named in full."""

    kind: str
    label: str
    href: str
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    destinations: Sequence[Destination]
    #: Read models in which no key could be looked for, because they have no rows of today's shape.
    skipped: Sequence[str]

    @property
    def only(self) -> Destination | None:
        """Where to go without asking: the one that was named in full, else the only one there is."""
        exact = [each for each in self.destinations if each.exact]
        chosen = exact or self.destinations
        return chosen[0] if len(chosen) == 1 else None


def find(typed: str) -> Found:
    """All that has this name, then what begins with it. Each look-up is one by an index. Raises DatabaseUnavailable."""
    runtime, skipped = current.runtime(), list[str]()
    text = typed.strip()
    if not text or len(text) > LONGEST:
        return Found((), ())
    exact = [*_events(runtime, text), *_streams(runtime, text), *_rows(runtime, text, skipped), *_names(runtime, text)]
    known = {each.href for each in exact}
    near = [each for each in (*_names_near(runtime, text), *_streams_near(runtime, text)) if each.href not in known]
    return Found((*exact, *near[:MOST_NEAR]), skipped)


def _events(runtime: Runtime, text: str) -> Iterator[Destination]:
    digits = text.replace(",", "")
    if digits.isascii() and digits.isdigit() and int(digits) <= LARGEST_POSITION:
        event = runtime.events.get(int(digits))
        if event is not None:
            label = f"{number(event.position)}, {event.type} on {event.stream}"
            yield Destination("event", label, url_for("events.show", position=event.position))
    event = runtime.events.get_by_id(text)
    if event is not None:
        label = f"{number(event.position)}, {event.type} on {event.stream}"
        yield Destination("event", label, url_for("events.show", position=event.position))
    if runtime.events.read_back(limit=1, where=EventFilter(correlation_id=text)):
        yield Destination("correlation id", f"events of {text}", url_for("events.index", correlation_id=text))


def _streams(runtime: Runtime, text: str) -> Iterator[Destination]:
    """Under its name, or under that of its category and what was typed: ids are copied more often than names."""
    names = [text, *(f"{category}-{text}" for category in runtime.reports.categories())]
    for name in names:
        if runtime.events.stream_version(name):
            yield Destination("stream", name, url_for("streams.show", stream=name))


def _rows(runtime: Runtime, text: str, skipped: list[str]) -> Iterator[Destination]:
    for model in runtime.read_models.list():
        try:
            row = runtime.read_models.row(model.name, text)
        except (ReadModelMissing, ShapeMismatch):
            skipped.append(model.name)
            continue
        if row is not None:
            href = url_for("read_models.row", name=model.name, key=row.key)
            yield Destination("row", f"{model.name} {row.key}", href)


def _names(runtime: Runtime, text: str) -> Iterator[Destination]:
    for each in _pages(runtime):
        if each.label.casefold() == text.casefold():
            yield each


def _names_near(runtime: Runtime, text: str) -> Iterator[Destination]:
    for each in _pages(runtime):
        if text.casefold() in each.label.casefold():
            yield Destination(each.kind, each.label, each.href, exact=False)


def _streams_near(runtime: Runtime, text: str) -> Iterator[Destination]:
    for stream in runtime.reports.streams(prefix=text, limit=MOST_NEAR).items:
        yield Destination("stream", stream.stream, url_for("streams.show", stream=stream.stream), exact=False)


def _pages(runtime: Runtime) -> Iterator[Destination]:
    for section in navigation.sections():
        yield Destination("page", section.label, section.href)
    for name in runtime.projections.names():
        yield Destination("projection", name, url_for("projections.show", name=name))
    for model in runtime.read_models.list():
        yield Destination("read model", model.name, url_for("read_models.show", name=model.name))
    for name in runtime.catalogue.commands:
        yield Destination("command", name, url_for("commands.show", name=name))
    for name in runtime.types.names():
        yield Destination("events of type", name, url_for("events.index", type=name))
