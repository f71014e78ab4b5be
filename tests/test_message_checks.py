"""What is wrong with the declaration of a message, one sentence a fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from cqrs.message_checks import command_faults, event_faults, field_faults, handler_faults, query_faults
from cqrs.messages import Command, Event, MessageMeta, Query, Secret, event


def same(data: dict[str, Any]) -> dict[str, Any]:
    return data


def with_field(kind: Any, base: type[Any] = Command) -> Any:
    return MessageMeta("Lend", (base,), {"__annotations__": {"it": kind}, "__module__": __name__})


def declared(name: str = "BookLent", **options: Any) -> type[Event]:
    @event(name, **options)
    class Lent(Event):
        book_id: str

    return Lent


def test_a_sound_event_has_no_faults() -> None:
    assert list(event_faults(declared(version=3, upcasters={1: same, 2: same}))) == []


@pytest.mark.parametrize(
    ("options", "faults"),
    [
        ({"version": 0}, ["The version of event BookLent is 0: versions start at 1."]),
        (
            {"version": 3, "upcasters": {2: same}},
            ["Event BookLent is at version 3 and has no upcaster from version 1: add that step."],
        ),
        (
            {"upcasters": {1: same}},
            ["Event BookLent is at version 1 and has an upcaster from version 1: remove that step."],
        ),
        ({"name": ""}, ["The stored name of Lent is no name: use 1 to 200 printable characters."]),
        ({"name": "a\nb"}, ["The stored name of Lent is no name: use 1 to 200 printable characters."]),
    ],
)
def test_names_versions_and_upcasters_are_checked(options: dict[str, Any], faults: list[str]) -> None:
    assert list(event_faults(declared(**options))) == faults


def test_an_event_needs_a_declaration_of_its_own() -> None:
    class Lent(declared()):  # type: ignore[misc]
        pass

    assert list(event_faults(Lent)) == ['The event class Lent has no stored name. Declare it: @event("Lent").']


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{reader} took it", "The summary of event BookLent names the field reader, which the event does not have."),
        ("{} took it", "The summary of event BookLent names the field {}, which the event does not have."),
        ("{book_id", "The summary of event BookLent is not a template: expected '}' before end of string."),
    ],
)
def test_the_summary_must_fit_the_event(template: str, fault: str) -> None:
    @event("BookLent")
    class Lent(Event):
        summary = template
        book_id: str

    assert list(event_faults(Lent)) == [fault]


def test_an_event_holds_no_secret() -> None:
    @event("Joined")
    class Joined(Event):
        password: Secret

    assert list(event_faults(Joined)) == [
        "The event Joined has the secret field password: secrets must not be stored in the log."
    ]


class Line(msgspec.Struct):
    at: datetime


class Pair(msgspec.Struct, array_like=True):
    left: int


@dataclass
class Point:
    x: int


ZONE = "The field it of Lend allows a time without a zone: write Annotated[datetime, Meta(tz=True)]."


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (datetime, ZONE),
        (Annotated[datetime, Meta(tz=False)], ZONE),
        (list[datetime], ZONE),
        (dict[str, datetime] | None, ZONE),
        (tuple[int, datetime], ZONE),
        (Line, ZONE.replace("Lend allows", "Lend (at) allows")),
        (set[list[int]], "The field it of Lend is a set of something that is not a simple value: use a list."),
        (
            dict[int, str],
            "The field it of Lend has keys that are not text: keys of JSON objects are; use dict[str, …].",
        ),
        (Pair, "The field it of Lend is Pair, which is array_like: messages are read by name."),
        (
            Point,
            "The field it of Lend has the type Point, "
            "which a message cannot carry: use plain types and msgspec Structs.",
        ),
        (
            complex,
            "The field it of Lend has the type complex, "
            "which a message cannot carry: use plain types and msgspec Structs.",
        ),
    ],
)
def test_types_that_would_fail_later_are_found_at_the_start(kind: Any, fault: str) -> None:
    assert list(field_faults(with_field(kind))) == [fault]


class Node(Command):
    child: Node | None = None


@pytest.mark.parametrize(
    "kind",
    [
        str,
        Decimal,
        Annotated[datetime, Meta(tz=True)],
        set[Annotated[str, Meta(max_length=3)]],
        dict[Annotated[str, Meta(max_length=3)], list[int]],
        Any,
        Node,
        int | None,
    ],
)
def test_types_that_messages_carry(kind: Any) -> None:
    assert list(field_faults(with_field(kind))) == []


def test_annotations_that_lead_nowhere_are_a_fault() -> None:
    (fault,) = field_faults(with_field("Nowhere"))
    assert fault.startswith("The fields of Lend cannot be read: name 'Nowhere' is not defined")


def test_fields_that_hide_what_messages_need_are_a_fault() -> None:
    class Lend(Command):
        stream_of: str  # type: ignore[assignment]

    class Find(Query):
        reads: str  # type: ignore[misc]

    class FindOne(Query):
        reads = "books"  # type: ignore[assignment]

    @event("BookLent")
    class Lent(Event):
        summary: str  # type: ignore[misc]

    assert [*command_faults(Lend), *query_faults(Find), *query_faults(FindOne), *event_faults(Lent)] == [
        "The command Lend has a field named stream_of: that is a method of commands; rename the field.",
        'The query Find declares reads wrongly: write reads = ("projection",), without an annotation.',
        'The query FindOne declares reads wrongly: write reads = ("projection",), without an annotation.',
        "Event BookLent has a field named summary: that is the event's sentence; rename the field.",
    ]


async def later(command: object, unit: object) -> None: ...


class Callable2:
    def __call__(self, command: object, unit: object) -> None: ...


@pytest.mark.parametrize(
    ("handler", "fault"),
    [
        (None, "Node has no handler: give it a function of the message and its context."),
        (lambda command: None, "The handler of Node must take two arguments, the message and the unit of work."),
        (lambda a, b, c: None, "The handler of Node must take two arguments, the message and the unit of work."),
        (later, "The handler of Node is an async function: handlers are plain functions."),
    ],
)
def test_a_handler_is_a_plain_function_of_two_arguments(handler: Any, fault: str) -> None:
    assert list(handler_faults(Node, handler)) == [fault]


@pytest.mark.parametrize("handler", [lambda command, unit: None, lambda c, u, *, more=1: None, Callable2(), print])
def test_other_callables_will_do(handler: Callable[..., Any]) -> None:
    assert list(handler_faults(Node, handler)) == []
