"""Events, commands and queries: what the parts of a system say to each other, and who says it.

All are immutable and built by keyword. Building one in Python checks nothing; `cqrs.validation` does.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform

import msgspec

from cqrs.errors import UndeclaredEvent

#: One step from the data of one schema version to the next: a pure function that may change and return its argument.
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

#: A text that is never stored, logged or shown: password fields of commands. Forms mask it.
Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]

MASK = "********"
LONGEST_SUMMARY = 300


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class MessageMeta(msgspec.StructMeta):
    """Makes fields keyword-only in every subclass: msgspec does not inherit that, and field order must not matter."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        config.setdefault("kw_only", True)
        return super().__new__(mcls, name, bases, namespace, **config)


class Message(msgspec.Struct, metaclass=MessageMeta, frozen=True):
    def __repr__(self) -> str:
        """Masks secret fields: a message ends up in tracebacks and logs."""
        secret = secret_fields(type(self))
        shown = (f"{name}={MASK if name in secret else repr(getattr(self, name))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> Any:
        secret = secret_fields(type(self))
        for name in self.__struct_fields__:
            yield name, MASK if name in secret else getattr(self, name)


def secret_fields(cls: type[Message]) -> frozenset[str]:
    """The names of the fields declared with `Secret`, or with `Meta(extra={"secret": True})`."""
    info = msgspec.inspect.type_info(cls)
    fields = info.fields if isinstance(info, msgspec.inspect.StructType) else ()
    return frozenset(found.name for found in fields if _is_secret(found.type))


def _is_secret(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_secret(member) for member in kind.types)
    return isinstance(kind, msgspec.inspect.Metadata) and bool((kind.extra or {}).get("secret"))


@dataclass(frozen=True, slots=True)
class Declaration:
    """Under which name and schema version an event is stored, and how older versions become this one."""

    name: str
    version: int = 1
    upcasters: Mapping[int, Upcaster] = field(default_factory=lambda: MappingProxyType({}))


class Event(Message):
    """Something that happened; named in the past tense, declared with `@event("Name")`."""

    #: The sentence the console shows, with the event's fields: "{name} placed order {order_id:.8} for {amount}".
    summary: ClassVar[str | None] = None

    __declaration__: ClassVar[Declaration | None] = None


class Command(Message):
    """Something a person or program asks for; its docstring is the help in the console."""

    def stream_of(self) -> str | None:
        """The stream this command changes. Override it to give the command expected versions and prefilled forms."""
        return None


class Query(Message):
    """A question to the read models; its docstring is the help in the catalogue."""

    #: Names of the projections the answer is read from; their lowest checkpoint is the position of the answer.
    reads: ClassVar[tuple[str, ...]] = ()


EventClass = TypeVar("EventClass", bound=type[Event])


def event(
    name: str, *, version: int = 1, upcasters: Mapping[int, Upcaster] | None = None
) -> Callable[[EventClass], EventClass]:
    """Give an event class its stored name and schema version.

    `upcasters[1]` turns the data of version 1 into those of version 2, and so on. This registers nothing: a Domain
    lists its events, and its check finds a chain with a step missing.
    """

    def declare(cls: EventClass) -> EventClass:
        cls.__declaration__ = Declaration(name, version, MappingProxyType(dict(upcasters or {})))
        return cls

    return declare


def declaration_of(event: Event | type[Event]) -> Declaration:
    """Raises UndeclaredEvent for a class without its own `@event`: a subclass does not inherit a stored name."""
    cls = event if isinstance(event, type) else type(event)
    declaration = vars(cls).get("__declaration__")
    if not isinstance(declaration, Declaration):
        raise UndeclaredEvent(name=cls.__name__)
    return declaration


def event_name(event: Event | type[Event]) -> str:
    return declaration_of(event).name


def event_version(event: Event | type[Event]) -> int:
    return declaration_of(event).version


def upcasters_of(event: Event | type[Event]) -> Mapping[int, Upcaster]:
    return declaration_of(event).upcasters


def message_name(message: Message | type[Message]) -> str:
    """The name commands and queries are called by: that of their class. Events have `event_name`."""
    return message.__name__ if isinstance(message, type) else type(message).__name__


def summary_of(event: Event, hides: Callable[[str], bool] = lambda name: False) -> str | None:
    """The event as a sentence; None when its class declares none, or the template does not fit. Never raises.

    Fields whose names `hides` says so are masked.
    """
    template = type(event).summary
    if not isinstance(template, str):
        return None
    try:
        text = template.format_map({n: MASK if hides(n) else getattr(event, n) for n in event.__struct_fields__})
    except Exception:  # whatever a format specification raises: a page must not fail for a sentence
        return None
    return text if len(text) <= LONGEST_SUMMARY else text[: LONGEST_SUMMARY - 1] + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What handlers learn about an event beyond its own fields, as `meta`."""

    position: int
    stream: str
    version: int
    type: str
    schema_version: int
    event_id: str
    correlation_id: str
    causation_id: str | None
    actor: str
    recorded_at: datetime
    extra: Mapping[str, Any] = field(default_factory=dict)


class Role(enum.StrEnum):
    """Each role may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def allows(self, needed: Role) -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Who asks, and how a command is to be carried out. One per call."""

    actor: str = "system"
    role: Role = Role.ADMIN
    command_id: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    idempotency_key: str | None = None
    #: The version the stream of the command must have; with it, a conflict is answered instead of retried.
    expected_version: int | None = None
    #: Do everything but store it: constraints and versions are tested, no position is drawn.
    dry_run: bool = False
    #: The time the command runs at instead of the clock's: for seeding the past.
    now: datetime | None = None
    #: Projections that must have applied the command's events before `send` returns.
    wait_for: tuple[str, ...] = ()
    wait_seconds: float = 5.0
