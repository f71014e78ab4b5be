"""How a projection is declared: a table, and pure functions from a row and an event to the row as it is afterwards."""

from __future__ import annotations

import enum
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import msgspec
import sqlalchemy as sa

from cqrs.messages import Event, event_name
from cqrs.projections.reference import WriteModelReference, reference_faults
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.table_faults import table_faults

#: A field of the event; a tuple of fields for a composite key; or a function of the event (and its metadata), which
#: returns the key, a tuple for a composite key, or a list of keys when the event concerns several rows.
KeySpec = str | tuple[str, ...] | Callable[..., Any]

Function = TypeVar("Function", bound=Callable[..., Any])


class Sentinel(enum.Enum):
    DELETE = "DELETE"


#: What a handler returns when its row is to go.
DELETE = Sentinel.DELETE


@dataclass(frozen=True, slots=True)
class Handler:
    event: type[Event]
    key: KeySpec
    creates: bool
    function: Callable[..., Any]
    #: How many arguments function and key take; meta is made only for those who ask for it.
    arity: int
    key_arity: int

    @property
    def takes_meta(self) -> bool:
        return self.arity == 3 or self.key_arity == 2


def on(event: type[Event], *, key: KeySpec, creates: bool = False) -> Callable[[Function], Function]:
    """Declare a handler `(row, event)` or `(row, event, meta)`: it changes the row, or returns DELETE.

    Only a handler with `creates=True` makes a row that is not there; for any other such an event means nothing.
    A handler may be given to several events. Handlers are pure: no clock, random numbers, network or other tables.
    """

    def declare(function: Function) -> Function:
        key_arity = _arity(key) if callable(key) else 1
        handler = Handler(event, key, creates, function, _arity(function), key_arity)
        function.__dict__["__handles__"] = (*function.__dict__.get("__handles__", ()), handler)
        return function

    return declare


def _arity(function: Callable[..., Any]) -> int:
    return len(inspect.signature(function).parameters)


class Projection:
    """Subclass it with a table and handlers. The class is the definition; nobody makes instances."""

    table: ClassVar[sa.Table]

    #: What happens when a handler fails: its key is set aside with all its later events, or everything stops.
    on_error: ClassVar[Literal["park", "stop"]] = "park"

    #: Whether its rows move in the transaction of the command whose events it handles. A handler that fails then
    #: refuses the command; while it is paused, failed or far behind, commands go on without it and a worker catches up.
    inline: ClassVar[bool] = False

    #: Columns that a drift check does not look at.
    ignore_columns: ClassVar[tuple[str, ...]] = ()

    #: What the write side says of its rows, which checks can hold them against besides the log.
    write_model: ClassVar[WriteModelReference | None] = None

    #: Whether each event belongs to rows by their keys; what is made by statements cannot be parked, explained or
    #: repaired.
    keyed: ClassVar[bool] = True

    #: For people; made from the name when not given.
    title: ClassVar[str]

    #: The table's name.
    name: ClassVar[str]
    model: ClassVar[RowModel]
    handlers: ClassVar[tuple[Handler, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.handlers = tuple(_handlers(cls))
        if isinstance(getattr(cls, "table", None), sa.Table):
            cls.name = str(cls.table.name)  # SQLAlchemy gives a subclass of str, which JSON encoders refuse
            cls.model = RowModel(cls.table, vars(cls).get("title"))
            cls.title = cls.model.title

    @classmethod
    def handled_events(cls) -> tuple[type[Event], ...]:
        return tuple(handler.event for handler in cls.handlers)

    @classmethod
    def handled_types(cls) -> tuple[str, ...]:
        """The stored names of the events it handles, sorted."""
        return tuple(sorted(map(event_name, cls.handled_events())))

    @classmethod
    def faults(cls) -> Iterator[str]:
        """For `check`: what is wrong with the declaration besides that it has no table."""
        return _keyed_faults(cls)

    @classmethod
    def models(cls) -> tuple[RowModel, ...]:
        """All that it fills; the first one has its name."""
        return (cls.model, *cls.model.companions)


def _handlers(cls: type[Projection]) -> Iterator[Handler]:
    for name in {name: None for base in reversed(cls.__mro__) for name in vars(base)}:
        yield from getattr(getattr(cls, name, None), "__handles__", ())


def check(projection: type[Projection]) -> list[str]:
    """What is wrong with the declaration, one sentence per fault; empty when nothing is."""
    if not isinstance(getattr(projection, "table", None), sa.Table):
        return [f"The projection {projection.__name__} has no table: set table to a SQLAlchemy Table."]
    return [f"Projection {projection.__name__}: {fault}" for fault in projection.faults()]


def _keyed_faults(projection: type[Projection]) -> Iterator[str]:
    yield from table_faults(projection.table)
    yield from _handler_faults(projection)
    if projection.on_error not in ("park", "stop"):
        yield f'on_error of {projection.__name__} is {projection.on_error!r}: use "park" or "stop".'
    yield from _ignore_faults(projection)
    if projection.write_model is not None:
        yield from (f"Its write_model {fault}" for fault in reference_faults(projection.write_model, projection.model))


def _ignore_faults(projection: type[Projection]) -> Iterator[str]:
    columns = {column.name: column.primary_key for column in projection.table.columns}
    for name in projection.ignore_columns:
        if columns.get(name, True):
            yield f"ignore_columns names {name}, which is not a column outside the key."


def _handler_faults(projection: type[Projection]) -> Iterator[str]:
    if not any(handler.creates for handler in projection.handlers):
        yield "No handler creates rows, so there will never be one: give one of them creates=True."
    for event in _twice(handler.event for handler in projection.handlers):
        yield f"{event.__name__} has two handlers: one event is handled once, by a key that may be several rows."
    for handler in projection.handlers:
        for fault in _faults_of(handler, projection.model):
            yield f"The handler of {handler.event.__name__} {fault}"


def _twice(events: Iterable[type[Event]]) -> list[type[Event]]:
    return [event for event, times in Counter(events).items() if times > 1]


def _faults_of(handler: Handler, model: RowModel) -> Iterator[str]:
    if handler.arity not in (2, 3):
        yield f"takes {handler.arity} arguments: it takes row and event, and meta if it needs it."
    if handler.key_arity not in (1, 2):
        yield f"has a key function of {handler.key_arity} arguments: it takes the event, and meta if it needs it."
    if callable(handler.key):
        return
    names = (handler.key,) if isinstance(handler.key, str) else handler.key
    if len(names) != len(model.key_columns):
        yield f"has a key of {len(names)} fields, but the table's key has {len(model.key_columns)} columns."
    fields = {field.name for field in msgspec.structs.fields(handler.event)}
    for name in names:
        if name not in fields:
            yield f"is keyed by {name}, a field that {handler.event.__name__} does not have."
