"""One call of the mediator: what is asked on the way in, what came of it on the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cqrs.messages import Context, Message
from cqrs.store.records import IdempotencyKey, RecordedEvent


@dataclass(frozen=True, slots=True)
class Unvalidated:
    """A message as it came from outside: its name and raw fields. `strict` for JSON, not for forms and URLs."""

    name: str
    fields: Mapping[str, object] = field(repr=False)
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEvent:
    """An event that a dry run would have stored: it has a version, but no position."""

    type: str
    schema_version: int
    stream: str
    version: int
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """What a command did, or in a dry run would do."""

    command_id: str
    correlation_id: str
    #: Of the last event; None when there are no events, and in a dry run.
    position: int | None
    #: PlannedEvents in a dry run.
    events: tuple[RecordedEvent, ...] | tuple[PlannedEvent, ...]
    #: What the handler returned, as plain JSON.
    result: Mapping[str, Any]
    #: Whether this is the answer given before under the same idempotency key.
    repeated: bool = False
    #: Whether the projections waited for have the events; None when none were asked for. They are stored either way.
    visible: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """What a query handler returned, and how much it knew."""

    #: None when there is no such thing.
    value: object | None
    #: The position up to which the answer knows all events; None when the query declares no projections.
    position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Handed down from middleware to middleware, never changed: `dataclasses.replace` makes the next one."""

    name: str
    message_class: type[Message]
    request: Message | Unvalidated
    #: With command and correlation id filled in.
    context: Context
    #: Set by the idempotency middleware.
    key: IdempotencyKey | None = None

    @property
    def message(self) -> Any:
        """The validated message; only behind `validate`."""
        if isinstance(self.request, Unvalidated):
            raise RuntimeError(f"{self.name} is not validated yet: put this middleware behind `validate`.")
        return self.request


Answer = CommandResult | QueryAnswer
Next = Callable[[Dispatch], Any]

#: Called with the dispatch and the rest of the chain; returns what the rest returns, or something of its own.
Middleware = Callable[[Dispatch, Next], Any]
