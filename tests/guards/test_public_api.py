"""What people who write domains may rely on: adding is free, taking away or renaming breaks them."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from types import ModuleType

import pytest

import cqrs
from cqrs.store.memory import MemoryEventStore
from cqrs.store.serialization import EventTypes
from cqrs.unit_of_work import UnitOfWork

PUBLIC = {
    "DELETE",
    "Aggregate",
    "Command",
    "CommandResult",
    "ConcurrencyError",
    "Context",
    "CqrsError",
    "Domain",
    "Event",
    "EventFilter",
    "Expected",
    "FixedClock",
    "InvalidMessage",
    "Mediator",
    "Metadata",
    "Money",
    "NavLink",
    "NotFound",
    "Projection",
    "Query",
    "QueryAnswer",
    "QueryContext",
    "RecordedEvent",
    "Role",
    "Runtime",
    "Secret",
    "Settings",
    "SqlProjection",
    "UnitOfWork",
    "Unvalidated",
    "UtcDateTime",
    "WriteModelReference",
    "build_runtime",
    "event",
    "load_settings",
    "on",
}

UNIT_OF_WORK = {"actor", "append", "command_id", "invalid", "load", "new_id", "now", "query", "save", "write"}
DOMAIN = {
    "name",
    "title",
    "events",
    "aggregates",
    "command_handlers",
    "query_handlers",
    "projections",
    "write_models",
    "routes",
    "nav",
    "seed",
    "trickle",
}


def test_public_names_are_added_and_removed_on_purpose() -> None:
    assert set(cqrs.__all__) == PUBLIC
    assert len(cqrs.__all__) == len(PUBLIC)


def test_nothing_is_public_by_accident() -> None:
    found = {
        name for name, value in vars(cqrs).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert found == set(cqrs.__all__)


@pytest.mark.parametrize("name", [name for name in sorted(PUBLIC) if name not in {"DELETE", "Secret"}])
def test_a_public_class_or_function_says_what_it_is_for(name: str) -> None:
    thing = getattr(cqrs, name)
    documented = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    assert documented, f"{name} needs a docstring of its own"
    assert not documented.startswith(f"{name}("), f"the docstring of {name} is the one dataclasses make"


def test_handlers_can_rely_on_these() -> None:
    unit = UnitOfWork(
        events=MemoryEventStore(),
        types=EventTypes([]),
        snapshot=None,
        command="Nothing",
        context=cqrs.Context(),
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert set(dir(unit)) >= UNIT_OF_WORK
    assert set(inspect.signature(cqrs.Domain).parameters) == DOMAIN
    assert list(inspect.signature(cqrs.Mediator.send).parameters) == ["self", "command", "context"]
    assert list(inspect.signature(cqrs.Mediator.ask).parameters)[:3] == ["self", "query", "context"]
    assert set(dir(cqrs.Aggregate("1"))) >= {"id", "version", "apply", "record", "state"}
