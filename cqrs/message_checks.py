"""What makes a message class unfit, one sentence a fault: found when the program starts, not when a caller meets it."""

from __future__ import annotations

import inspect
import string
from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec
from msgspec import inspect as mi

from cqrs.errors import UndeclaredEvent
from cqrs.messages import Command, Event, Message, Query, declaration_of, secret_fields
from cqrs.values import SINGLE

LONGEST_NAME = 200

#: What a set or the key of an object may hold.
HASHABLE = (mi.StrType, mi.IntType, mi.DecimalType, mi.DateType, mi.UUIDType, mi.EnumType, mi.LiteralType)


def event_faults(cls: type[Event]) -> Iterator[str]:
    try:
        declaration = declaration_of(cls)
    except UndeclaredEvent as undeclared:
        yield str(undeclared)
        return
    name, version = declaration.name, declaration.version
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name != name.strip():
        yield f"The stored name of {cls.__name__} is no name: use 1 to {LONGEST_NAME} printable characters."
    if version < 1:
        yield f"The version of event {name} is {version}: versions start at 1."
    needed, given = set(range(1, version)), set(declaration.upcasters)
    for missing in sorted(needed - given):
        yield f"Event {name} is at version {version} and has no upcaster from version {missing}: add that step."
    for spare in sorted(given - needed):
        yield f"Event {name} is at version {version} and has an upcaster from version {spare}: remove that step."
    yield from field_faults(cls)
    yield from _summary_faults(cls, name)


def command_faults(cls: type[Command]) -> Iterator[str]:
    yield from field_faults(cls)
    if "stream_of" in cls.__struct_fields__:
        yield f"The command {cls.__name__} has a field named stream_of: that is a method of commands; rename the field."


def query_faults(cls: type[Query]) -> Iterator[str]:
    yield from field_faults(cls)
    if "reads" in cls.__struct_fields__ or isinstance(cls.reads, str):
        yield f'The query {cls.__name__} declares reads wrongly: write reads = ("projection",), without an annotation.'


def handler_faults(cls: type[Message], handler: Callable[..., Any]) -> Iterator[str]:
    if not callable(handler):
        yield f"{cls.__name__} has no handler: give it a function of the message and its context."
        return
    if inspect.iscoroutinefunction(handler):
        yield f"The handler of {cls.__name__} is an async function: handlers are plain functions."
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        second = "unit of work" if issubclass(cls, Command) else "query context"
        yield f"The handler of {cls.__name__} must take two arguments, the message and the {second}."


def field_faults(cls: type[Message]) -> Iterator[str]:
    try:
        info = cast(mi.StructType, mi.type_info(cls))
    except Exception as error:  # unresolved annotations raise whatever the annotation raises
        yield f"The fields of {cls.__name__} cannot be read: {error}."
        return
    for field in info.fields:
        for fault in _type_faults(field.type, frozenset({cls})):
            yield f"The field {field.name} of {cls.__name__} {fault}"
    if issubclass(cls, Event):
        for name in sorted(secret_fields(cls)):
            yield f"The event {cls.__name__} has the secret field {name}: secrets must not be stored in the log."


def _type_faults(kind: mi.Type, seen: frozenset[type]) -> Iterator[str]:
    match kind:
        case mi.Metadata():
            yield from _type_faults(kind.type, seen)
        case mi.DateTimeType() if kind.tz is not True:
            yield "allows a time without a zone: write Annotated[datetime, Meta(tz=True)]."
        case mi.UnionType() | mi.TupleType():
            for member in kind.types if isinstance(kind, mi.UnionType) else kind.item_types:
                yield from _type_faults(member, seen)
        case mi.SetType() | mi.FrozenSetType() if not isinstance(_bare(kind.item_type), HASHABLE):
            yield "is a set of something that is not a simple value: use a list."
        case mi.ListType() | mi.VarTupleType() | mi.SetType() | mi.FrozenSetType():
            yield from _type_faults(kind.item_type, seen)
        case mi.DictType() if not isinstance(_bare(kind.key_type), mi.StrType):
            yield "has keys that are not text: keys of JSON objects are; use dict[str, …]."
        case mi.DictType():
            yield from _type_faults(kind.value_type, seen)
        case mi.StructType() if kind.array_like:
            yield f"is {kind.cls.__name__}, which is array_like: messages are read by name."
        case mi.StructType() if kind.cls not in seen:
            for field in kind.fields:
                yield from (f"({field.name}) {fault}" for fault in _type_faults(field.type, seen | {kind.cls}))
        case mi.StructType() | mi.AnyType():
            return
        case _ if type(kind) not in SINGLE:
            name = getattr(getattr(kind, "cls", None), "__name__", type(kind).__name__.removesuffix("Type").lower())
            yield f"has the type {name}, which a message cannot carry: use plain types and msgspec Structs."


def _bare(kind: mi.Type) -> mi.Type:
    return kind.type if isinstance(kind, mi.Metadata) else kind


def _summary_faults(cls: type[Event], name: str) -> Iterator[str]:
    if cls.summary is None:
        return
    if not isinstance(cls.summary, str):
        yield f"Event {name} has a field named summary: that is the event's sentence; rename the field."
        return
    try:
        used = [field for _, field, _, _ in string.Formatter().parse(cls.summary) if field is not None]
    except ValueError as error:
        yield f"The summary of event {name} is not a template: {error}."
        return
    for field in used:
        if field not in {each.name for each in msgspec.structs.fields(cls)}:
            yield f"The summary of event {name} names the field {field or '{}'}, which the event does not have."
