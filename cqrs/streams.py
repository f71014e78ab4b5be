"""What is in a stream: its events as the classes of today, as sentences, and the state they amount to."""

from __future__ import annotations

from typing import Any

from cqrs.domain import Catalogue
from cqrs.errors import CqrsError
from cqrs.masking import is_sensitive
from cqrs.messages import Event, summary_of
from cqrs.store.event_store import EventStore
from cqrs.store.records import RecordedEvent, category_of

#: A stream longer than this is not folded to show its state.
LONGEST_STREAM = 10_000


class Streams:
    def __init__(self, catalogue: Catalogue, events: EventStore) -> None:
        self._catalogue = catalogue
        self._events = events

    def decode(self, recorded: RecordedEvent) -> Event | None:
        """As the class that is declared today; None when there is none, or the stored data do not fit it."""
        try:
            return self._catalogue.types.decode(recorded.type, recorded.schema_version, recorded.data)
        except CqrsError:
            return None

    def summary(self, recorded: RecordedEvent) -> str | None:
        """The event as a sentence in which what is sensitive is masked; None where its class declares none."""
        event = self.decode(recorded)
        return None if event is None else summary_of(event, is_sensitive)

    def state(self, stream: str, at: int | None = None) -> dict[str, Any] | None:
        """What the events of a stream up to version `at` amount to.

        None when its category has no aggregate, there are no events, one cannot be read, or there are too many.
        """
        aggregate_class = self._catalogue.aggregates.get(category_of(stream))
        if aggregate_class is None:
            return None
        recorded = self._events.read_stream(stream, until=at, limit=LONGEST_STREAM + 1)
        events = [event for event in map(self.decode, recorded) if event is not None]
        if not events or len(events) != len(recorded) or len(recorded) > LONGEST_STREAM:
            return None
        aggregate = aggregate_class(stream.removeprefix(f"{aggregate_class.category}-"))
        return aggregate.replay(events).state()
