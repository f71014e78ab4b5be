"""For tests of your own domain: commands by given, when, then; projections by the rows they make.

    Scenario(domain).given("book-1", bought).when(LendBook(book_id="1", reader="Ada")).then(BookLent(...))

Fields you do not care about can be `unittest.mock.ANY`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from cqrs.clock import Clock, FixedClock, utc_now
from cqrs.dispatch import CommandResult, PlannedEvent
from cqrs.domain import Catalogue, Domain
from cqrs.errors import InvalidMessage
from cqrs.identifiers import derived_id, new_id
from cqrs.mediator import Mediator
from cqrs.messages import Command, Context, Event
from cqrs.projections.projection import Projection
from cqrs.runtime import Runtime, build_runtime
from cqrs.settings import load_settings
from cqrs.store.event_store import EventStore
from cqrs.store.memory import MemoryEventStore
from cqrs.store.records import NewEvent, RecordedEvent
from cqrs.store.serialization import EventTypes
from cqrs.validation import revalidate

#: When everything in a scenario happens unless a test says otherwise.
THE_MOMENT = datetime(2026, 1, 1, 12, tzinfo=UTC)

#: The id of every command in a scenario, so that the ids it makes are known beforehand.
THE_COMMAND = "the-command"


@contextmanager
def temporary_runtime(
    path: Path, *domains: Domain, clock: Clock = utc_now, environ: Mapping[str, str] | None = None
) -> Iterator[Runtime]:
    """A complete runtime, all tables made, no worker running: on an SQLite file below `path`, or where the settings in
    `environ` say.

    `runtime.projections.catch_up()` brings the read models up to date.
    """
    settings = load_settings(environ or {}, root=path, overrides={"DEMO": "0"})
    runtime = build_runtime(settings, domains, clock=clock)
    try:
        runtime.init()
        with runtime.main.relaxed():
            yield runtime
    finally:
        runtime.close()


def project(projection: type[Projection], *events: Event, at: datetime = THE_MOMENT) -> list[dict[str, Any]]:
    """The rows a reader sees after these events, sorted by key. They go through a real database and back.

    Raises AssertionError with the traceback of a handler that fails.
    """
    handled = projection.handled_events()
    listed = tuple(dict.fromkeys([*handled, *map(type, events)]))
    domain = Domain("test", events=listed, projections=[projection])
    with tempfile.TemporaryDirectory() as folder, temporary_runtime(Path(folder), domain) as runtime:
        runtime.events.append("test-1", new_events(runtime.types, events, at))
        runtime.projections.catch_up()
        _raise_failures(runtime, projection.name)
        with runtime.read.read() as connection:
            table = projection.table
            rows = connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings()
            return [dict(row) for row in rows]


def _raise_failures(runtime: Runtime, name: str) -> None:
    stopped = runtime.projections.status(name).failure
    for each in [stopped] if stopped else runtime.projections.parked(name).items:
        raise AssertionError(f"{each.event_type} failed for key {each.key}: {each.error}\n{each.traceback or ''}")


def new_events(types: EventTypes, events: Sequence[Event], at: datetime | None = None) -> list[NewEvent]:
    """Events ready to be appended to a store. Raises InvalidMessage for one whose values do not fit its fields."""
    return [_new_event(types, event, at) for event in events]


def _new_event(types: EventTypes, event: Event, at: datetime | None) -> NewEvent:
    name, version, data = types.encode(revalidate(event))
    id = new_id()
    return NewEvent(
        type=name,
        schema_version=version,
        data=data,
        event_id=id,
        correlation_id=id,
        causation_id=None,
        actor="test",
        recorded_at=at,
    )


class Scenario:
    """One command and what became of it. A `then` that does not hold raises AssertionError.

    With a domain the log is in memory, which suits handlers that only load and append; with a runtime it is that one's,
    which handlers need that read or write tables.
    """

    def __init__(self, over: Domain | Runtime) -> None:
        self._events: EventStore
        if isinstance(over, Runtime):
            self._types, self._events, self._mediator = over.types, over.events, over.mediator
        else:
            self._types, self._events, self._mediator = _in_memory(over)
        self._result: CommandResult | None = None
        self._refusal: InvalidMessage | None = None

    def given(self, stream: str, *events: Event) -> Self:
        """What has happened in a stream before."""
        self._events.append(stream, new_events(self._types, events, THE_MOMENT))
        return self

    def when(self, command: Command, context: Context | None = None) -> Self:
        """Send the command, once. A refusal is kept for `then_refused`; any other error is raised here."""
        context = replace(context or Context(now=THE_MOMENT), command_id=THE_COMMAND)
        try:
            self._result = self._mediator.send(command, context)
        except InvalidMessage as refusal:
            self._refusal = refusal
        return self

    def then(self, *events: Event) -> Self:
        """Exactly these events were stored, in this order; none means that nothing happened."""
        stored = tuple(self._decoded(event) for event in self._answer().events)
        if stored != events:
            raise AssertionError(f"Expected:\n{_lines(events)}\nbut this happened:\n{_lines(stored)}")
        return self

    def then_result(self, **result: Any) -> Self:
        """The handler returned exactly this, as plain JSON: decimals and times are text."""
        found = dict(self._answer().result)
        if found != result:
            raise AssertionError(f"Expected the result {result!r}, but it is {found!r}.")
        return self

    def then_refused(self, *message: str, **errors: str) -> Self:
        """The command was refused with one sentence for each of these fields, or one for the whole message."""
        expected = ({"": list(message)} if message else {}) | {field: [text] for field, text in errors.items()}
        if self._refusal is None:
            self._answer()
            raise AssertionError(f"Expected a refusal, {expected!r}, but the command was carried out.")
        found = {field: list(texts) for field, texts in self._refusal.errors.items()}
        if found != expected:
            raise AssertionError(f"Expected the refusal {expected!r}, but it is {found!r}.")
        return self

    def id(self, n: int = 1) -> str:
        """What the n-th `unit.new_id()` of the handler returns."""
        return derived_id(THE_COMMAND, n)

    def _answer(self) -> CommandResult:
        if self._refusal is not None:
            raise AssertionError(f"The command was refused: {self._refusal}") from self._refusal
        if self._result is None:
            raise AssertionError("No command was sent: call when(command) first.")
        return self._result

    def _decoded(self, event: RecordedEvent | PlannedEvent) -> Event:
        return self._types.decode(event.type, event.schema_version, event.data)


def _in_memory(domain: Domain) -> tuple[EventTypes, EventStore, Mediator]:
    clock = FixedClock(THE_MOMENT)
    catalogue = Catalogue([domain])
    events = MemoryEventStore(clock=clock)
    mediator = Mediator(
        command_handlers=catalogue.command_handlers,
        query_handlers=catalogue.query_handlers,
        events=events,
        types=catalogue.types,
        secret=b"",
        clock=clock,
    )
    return catalogue.types, events, mediator


def _lines(events: Sequence[Event]) -> str:
    return "\n".join(f"  {event!r}" for event in events) or "  nothing"
