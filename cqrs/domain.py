"""A domain is one declaration: explicit lists of what there is. Importing it registers nothing."""

from __future__ import annotations

import importlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cqrs.aggregates import Aggregate
from cqrs.errors import DomainFault
from cqrs.mediator import CommandHandler, QueryHandler
from cqrs.message_checks import command_faults, event_faults, handler_faults, query_faults
from cqrs.messages import Command, Event, Query, event_name, message_name
from cqrs.projections.projection import Projection, check
from cqrs.projections.reference import WriteModelReference
from cqrs.readmodels.rows import RowModel
from cqrs.store.serialization import EventTypes


@dataclass(frozen=True, slots=True)
class NavLink:
    """A link of the domain in the console's menu; `endpoint` is one of its own blueprint."""

    label: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Domain:
    """What is plugged in. Nothing is checked before `Catalogue` puts the domains of a program together.

    `aggregates` maps the category of streams to the class that shows their state. `routes` makes a blueprint from the
    runtime, `seed` fills an empty log with demo data, `trickle` sends one demo command when it is called.
    """

    name: str
    title: str | None = None
    events: Sequence[type[Event]] = ()
    aggregates: Mapping[str, type[Aggregate]] = field(default_factory=dict)
    command_handlers: Mapping[type[Command], CommandHandler] = field(default_factory=dict)
    query_handlers: Mapping[type[Query], QueryHandler] = field(default_factory=dict)
    projections: Sequence[type[Projection]] = ()
    write_models: Sequence[sa.Table] = ()
    routes: Callable[[Any], Any] | None = None
    nav: Sequence[NavLink] = ()
    seed: Callable[[Any], None] | None = None
    trickle: Callable[[Any, random.Random], None] | None = None


def load_domains(names: Iterable[str]) -> tuple[Domain, ...]:
    """Import `package.module:attribute`, each. Raises DomainFault with all that cannot be loaded."""
    loaded: list[Domain] = []
    faults: list[str] = []
    for name in names:
        try:
            loaded.append(_load(name))
        except DomainFault as fault:
            faults.extend(fault.faults)
    if faults:
        raise DomainFault(faults)
    return tuple(loaded)


def _load(name: str) -> Domain:
    module_name, colon, attribute = name.strip().partition(":")
    if not (module_name and colon and attribute):
        raise DomainFault([f"{name!r} does not name a domain: write package.module:attribute in CQRS_DOMAINS."])
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # an import inside the module: its traceback says more than we could
        raise DomainFault([f"The domain {name} cannot be loaded: there is no module {error.name}."]) from None
    domain = getattr(module, attribute, None)
    if not isinstance(domain, Domain):
        found = "nothing" if domain is None else f"a {type(domain).__name__}"
        raise DomainFault([f"The domain {name} cannot be loaded: {module_name} holds {found} under {attribute}."])
    return domain


class Catalogue:
    """All domains of a program together, checked. Raises DomainFault with one sentence for each thing that is wrong."""

    def __init__(self, domains: Iterable[Domain]) -> None:
        self.domains = tuple(domains)
        faults = list(dict.fromkeys(_faults(self.domains)))
        if faults:
            raise DomainFault(faults)
        self.types = EventTypes(cls for domain in self.domains for cls in domain.events)
        self.command_handlers = {cls: f for domain in self.domains for cls, f in domain.command_handlers.items()}
        self.query_handlers = {cls: f for domain in self.domains for cls, f in domain.query_handlers.items()}
        self.commands = {message_name(cls): cls for cls in self.command_handlers}
        self.queries = {message_name(cls): cls for cls in self.query_handlers}
        self.projections = {each.name: each for domain in self.domains for each in domain.projections}
        self.aggregates = {name: cls for domain in self.domains for name, cls in domain.aggregates.items()}
        self.write_models = {table.name: table for domain in self.domains for table in domain.write_models}


def _faults(domains: Sequence[Domain]) -> Iterator[str]:
    yield from _twice((domain.name for domain in domains), "Two domains are named {}: names must differ.")
    yield from _event_faults(domains)
    yield from _command_faults(domains)
    yield from _query_faults(domains)
    yield from _aggregate_faults(domains)
    yield from _projection_faults(domains)
    yield from _write_model_faults(domains)


def _twice(names: Iterable[str], sentence: str) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield sentence.format(name)


def _not_a(cls: object, base: type, where: str) -> str | None:
    if isinstance(cls, type) and issubclass(cls, base):
        return None
    return f"{getattr(cls, '__name__', repr(cls))} in {where} is not a subclass of {base.__name__}."


def _event_faults(domains: Sequence[Domain]) -> Iterator[str]:
    names = []
    for domain in domains:
        for cls in domain.events:
            wrong = _not_a(cls, Event, f"the events of domain {domain.name}")
            if wrong:
                yield wrong
                continue
            yield from event_faults(cls)
            if vars(cls).get("__declaration__"):
                names.append(event_name(cls))
    yield from _twice(names, "Two events are stored as {}, or one is listed twice: each name means one class.")


def _command_faults(domains: Sequence[Domain]) -> Iterator[str]:
    commands = [(domain, cls, handler) for domain in domains for cls, handler in domain.command_handlers.items()]
    for domain, cls, handler in commands:
        wrong = _not_a(cls, Command, f"the command_handlers of domain {domain.name}")
        yield from [wrong] if wrong else [*command_faults(cls), *handler_faults(cls, handler)]
    yield from _twice((cls.__name__ for _, cls, _ in commands), "Two commands are named {}: rename one of the classes.")


def _query_faults(domains: Sequence[Domain]) -> Iterator[str]:
    queries = [(domain, cls, handler) for domain in domains for cls, handler in domain.query_handlers.items()]
    projections = {model.name for domain in domains for each in domain.projections for model in _models(each)}
    for domain, cls, handler in queries:
        wrong = _not_a(cls, Query, f"the query_handlers of domain {domain.name}")
        if wrong:
            yield wrong
            continue
        faults = [*query_faults(cls), *handler_faults(cls, handler)]
        yield from faults
        if isinstance(cls.reads, tuple | list):
            for name in sorted(set(cls.reads) - projections):
                yield f"The query {cls.__name__} reads {name}, but no domain has a projection of that name."
    yield from _twice((cls.__name__ for _, cls, _ in queries), "Two queries are named {}: rename one of the classes.")


def _aggregate_faults(domains: Sequence[Domain]) -> Iterator[str]:
    for domain in domains:
        for category, cls in domain.aggregates.items():
            wrong = _not_a(cls, Aggregate, f"the aggregates of domain {domain.name}")
            if wrong:
                yield wrong
            elif getattr(cls, "category", None) != category:
                yield f'{cls.__name__} is listed for the category {category}: set its category = "{category}".'
            elif not category or "-" in category or not category.isprintable():
                yield f"The category {category!r} of {cls.__name__} must be printable text without a hyphen."
    categories = (category for domain in domains for category in domain.aggregates)
    yield from _twice(categories, "Two domains have an aggregate for the category {}: categories must differ.")


def _projection_faults(domains: Sequence[Domain]) -> Iterator[str]:
    known = {cls for domain in domains for cls in domain.events}
    projections = [each for domain in domains for each in domain.projections]
    for each in projections:
        wrong = _not_a(each, Projection, "a list of projections")
        if wrong:
            yield wrong
            continue
        yield from check(each)
        for event in each.handled_events():
            if event not in known:
                yield f"Projection {each.__name__} handles {event.__name__}, an event that no domain lists."
    names = (model.name for each in projections for model in _models(each))
    yield from _twice(names, "Two projections have the table {}: a read model has one projection.")


def _models(projection: Any) -> Sequence[RowModel]:
    """None of something that is no projection, or has no table."""
    return projection.models() if hasattr(projection, "model") else ()


def _write_model_faults(domains: Sequence[Domain]) -> Iterator[str]:
    tables = [table for domain in domains for table in domain.write_models]
    for table in tables:
        if not isinstance(table, sa.Table):
            yield f"{table!r} in the write_models is not a SQLAlchemy Table."
    names = [table.name for table in tables if isinstance(table, sa.Table)]
    yield from _twice(names, "Two write models are named {}: tables must differ.")
    projections = {getattr(each, "name", None) for domain in domains for each in domain.projections}
    yield from _reference_faults(domains, tables)
    for name in sorted(set(names) & projections):
        yield f"{name} is the name of a write model and of a projection: rename one of the tables."


def _reference_faults(domains: Sequence[Domain], write_models: Sequence[object]) -> Iterator[str]:
    for projection in (each for domain in domains for each in domain.projections):
        reference = getattr(projection, "write_model", None)
        for table in reference.tables if isinstance(reference, WriteModelReference) else ():
            if all(table is not each for each in write_models):
                yield f"The write_model of {projection.__name__} reads {table.name}, which no domain lists as one."
