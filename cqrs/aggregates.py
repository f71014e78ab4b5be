"""Aggregates: state that is rebuilt from the events of one stream and decides about new ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from cqrs.messages import Event


class Aggregate:
    """Derive from it, give it a `category`, declare its state with defaults, and change that in `apply` only.

    Methods that decide call `record`. The stream is `<category>-<id>`.
    """

    category: ClassVar[str]

    def __init__(self, id: str) -> None:
        self.id = id
        #: The version of the last event that is stored, 0 when there is none; `record` does not move it.
        self.version = 0
        self._recorded: list[Event] = []

    @property
    def stream(self) -> str:
        return f"{self.category}-{self.id}"

    def apply(self, event: Event) -> None:
        """Change the state as this event says. Must not refuse: the event has happened."""
        raise NotImplementedError(f"{type(self).__name__} has no apply(self, event).")

    def record(self, event: Event) -> None:
        """Let something happen: apply it, and keep it until the unit of work saves the aggregate."""
        self.apply(event)
        self._recorded.append(event)

    def replay(self, events: Iterable[Event]) -> Self:
        """Apply events that are stored, in the order of their versions, from the version after this one's."""
        for event in events:
            self.apply(event)
            self.version += 1
        return self

    def take_recorded(self) -> tuple[Event, ...]:
        """Hand over what was recorded since the last time; the version moves on by as many."""
        events, self._recorded = tuple(self._recorded), []
        self.version += len(events)
        return events

    def state(self) -> dict[str, Any]:
        """The declared and assigned public attributes, for the console; id and version are shown beside them."""
        declared = [name for cls in reversed(type(self).__mro__[:-1]) for name in vars(cls).get("__annotations__", {})]
        names = dict.fromkeys([*declared, *vars(self)])
        hidden = {"category", "id", "version"}
        return {
            name: getattr(self, name)
            for name in names
            if not name.startswith("_") and name not in hidden and hasattr(self, name)
        }
