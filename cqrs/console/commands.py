"""Commands: a form made from each definition, a dry run, and what sending it led to."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response, request, url_for

from cqrs.console import current, masking, navigation, toasts, trail
from cqrs.console.access import needs
from cqrs.console.audit import Deed, deeds
from cqrs.console.command_form import Filled, filled_in, stream_of
from cqrs.console.commanding import command_context
from cqrs.console.event_applications import Application, applications
from cqrs.console.event_rows import EventRow, event_row
from cqrs.console.filters import counted, number
from cqrs.console.parameters import Parameters
from cqrs.console.redirects import see_other
from cqrs.console.rendering import render
from cqrs.dispatch import CommandResult, PlannedEvent, Unvalidated
from cqrs.errors import ConcurrencyError, IdempotencyConflict, InvalidMessage, NoHandler
from cqrs.fields import Field, fields_of
from cqrs.identifiers import new_id
from cqrs.messages import Command, Role, secret_fields
from cqrs.store.records import EventFilter, RecordedEvent

if TYPE_CHECKING:
    from cqrs.domain import Domain

bp = Blueprint("commands", __name__)

RECENT = 6
MOST_EVENTS = 50


@dataclass(frozen=True, slots=True)
class CommandRow:
    name: str
    about: str | None
    fields: Sequence[Field]


@dataclass(frozen=True, slots=True)
class CommandGroup:
    """The commands of one domain."""

    title: str
    commands: Sequence[CommandRow]

    @property
    def names(self) -> list[str]:
        return [command.name for command in self.commands]


@dataclass(frozen=True, slots=True)
class CommandList:
    groups: Sequence[CommandGroup]


@dataclass(frozen=True, slots=True)
class Conflict:
    fact: str
    consequence: str
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    type: str
    stream: str
    version: int
    payload: object
    read_by: Sequence[str]


@dataclass(frozen=True, slots=True)
class DryRun:
    at: datetime
    events: Sequence[Planned]


@dataclass(frozen=True, slots=True)
class SentEvent:
    row: EventRow
    applications: Sequence[Application]


@dataclass(frozen=True, slots=True)
class Sent:
    headline: str
    at: datetime | None
    correlation_id: str
    events: Sequence[SentEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPage:
    name: str
    about: str | None
    groups: Sequence[CommandGroup]
    fields: Sequence[Field]
    values: Mapping[str, str]
    idempotency_key: str
    recent: Sequence[Deed]
    #: Of the stream the values lead to, so that nobody overwrites what they have not seen.
    expected_stream: str | None = None
    expected_version: int | None = None
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    conflict: Conflict | None = None
    dry_run: DryRun | None = None
    sent: Sent | None = None

    @property
    def field_names(self) -> set[str]:
        return {each.name for each in self.fields}

    @property
    def error_headline(self) -> str:
        count = len(self.errors)
        return "1 field needs your attention." if count == 1 else f"{count} fields need your attention."


@bp.get("/commands")
@needs(Role.VIEWER)
def index() -> Response:
    return render("commands/index.html", page=CommandList(_groups()))


@bp.get("/commands/<name>")
@needs(Role.VIEWER)
def show(name: str) -> Response:
    command = _known(name)
    given = {each.name: request.args[each.name] for each in fields_of(command) if each.name in request.args}
    sent = _sent()
    page = _page(name, command, Filled(values=given), sent=sent)
    follow = sent is not None  # until its events are visible everywhere
    return render("commands/show.html", tag=navigation.tag() if follow else None, follow=follow, page=page)


@bp.post("/commands/<name>")
@needs(Role.OPERATOR, action="command")
def send(name: str) -> Response:
    command = _known(name)
    filled = filled_in(command, request.form)
    dry_run = request.form.get("dry_run") == "1"
    context = command_context(
        idempotency_key=None if dry_run else filled.idempotency_key,
        expected_version=filled.version_for(stream_of(command, filled.fields)),
        dry_run=dry_run,
    )
    try:
        done = current.runtime().mediator.send(Unvalidated(name, filled.fields, strict=False), context=context)
    except InvalidMessage as error:
        trail.note(reason=str(error))
        return _again(422, name, command, filled, errors=error.errors)
    except ConcurrencyError as error:
        trail.note(reason=str(error))
        return _again(409, name, command, filled.anew(), conflict=_conflict(error))
    except IdempotencyConflict as error:
        return _again(422, name, command, filled.anew(), conflict=Conflict("This form was already sent.", str(error)))
    return _planned(name, command, filled, done) if dry_run else _accepted(name, done)


def _known(name: str) -> type[Command]:
    """Raises NoHandler: names come from the address."""
    found = current.runtime().catalogue.commands.get(name)
    if found is None:
        raise NoHandler(name=name)
    return found


def _groups() -> list[CommandGroup]:
    with_commands = [domain for domain in current.runtime().catalogue.domains if domain.command_handlers]
    return [CommandGroup(domain.title or domain.name, _commands(domain)) for domain in with_commands]


def _commands(domain: Domain) -> list[CommandRow]:
    return [CommandRow(cls.__name__, about_of(cls), fields_of(cls)) for cls in domain.command_handlers]


def about_of(command: type[Command]) -> str | None:
    text = command.__dict__.get("__doc__")
    return inspect.cleandoc(text).split("\n\n")[0] if text else None


def _page(name: str, command: type[Command], filled: Filled, **found: object) -> CommandPage:
    hidden = secret_fields(command)
    return CommandPage(
        name=name,
        about=about_of(command),
        groups=_groups(),
        fields=fields_of(command),
        values={key: value for key, value in filled.values.items() if key not in hidden},
        idempotency_key=filled.idempotency_key or new_id(),
        expected_stream=filled.expected_stream,
        expected_version=filled.expected_version,
        recent=deeds(current.runtime().audit.page(limit=RECENT, action="command", target=name).items),
        **found,  # type: ignore[arg-type]
    )


def _again(status: int, name: str, command: type[Command], filled: Filled, **found: object) -> Response:
    """The form with all that was typed but its secrets, and what is wrong with it. Nothing was recorded."""
    return render("commands/show.html", status, page=_page(name, command, filled, **found))


def _conflict(error: ConcurrencyError) -> Conflict:
    return Conflict(
        f"{error.stream} is at version {error.actual}, not {error.expected}.",
        "Someone else wrote first. Nothing was sent; look at what happened, then send again.",
        error.stream,
    )


def _planned(name: str, command: type[Command], filled: Filled, done: CommandResult) -> Response:
    trail.forget()
    runtime = current.runtime()
    events = [_plan(event) for event in done.events if isinstance(event, PlannedEvent)]
    stream = stream_of(command, filled.fields)
    if stream is not None:
        filled = filled.expecting(stream, runtime.events.stream_version(stream))
    return render("commands/show.html", page=_page(name, command, filled, dry_run=DryRun(runtime.clock(), events)))


def _plan(event: PlannedEvent) -> Planned:
    read_by = sorted(status.name for status in navigation.statuses() if event.type in status.handles)
    return Planned(event.type, event.stream, event.version, masking.payload(event.data), read_by)


def _accepted(name: str, done: CommandResult) -> Response:
    detail = {"command_id": done.command_id, "position": done.position, "repeated": done.repeated}
    trail.note(target=name, detail=detail)
    count = len(done.events)
    words = "had been sent before; nothing was recorded twice" if done.repeated else _recorded(count, done.position)
    address = url_for("commands.show", name=name, sent=done.correlation_id)
    link = ("Open the event", url_for("events.show", position=done.position)) if done.position else (None, None)
    return toasts.leave(see_other(address), toasts.Toast(f"{name} {words}.", href=link[1], link=link[0]))


def _recorded(count: int, position: int | None) -> str:
    if not count:
        return "was accepted. It recorded no event"
    return f"was accepted. {counted(count, 'event')} at position {number(position)}"


def _sent() -> Sent | None:
    """What a command led to, found by its correlation: the address can be shared and loaded again."""
    asked = Parameters(request.args)
    correlation = asked.text("sent")
    asked.check()
    if correlation is None:
        return None
    where = EventFilter(correlation_id=correlation)
    found = current.runtime().events.read_all(limit=MOST_EVENTS, where=where)
    events = [SentEvent(event_row(event), applications(event, navigation.statuses())) for event in found]
    return Sent(_headline(found), found[0].recorded_at if found else None, correlation, events)


def _headline(found: Sequence[RecordedEvent]) -> str:
    if not found:
        return "Accepted, no event recorded"
    return f"Accepted, {counted(len(found), 'event')} recorded"
