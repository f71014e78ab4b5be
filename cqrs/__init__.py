"""What a domain is written with. Everything else is found in the module of its name."""

from cqrs.aggregates import Aggregate
from cqrs.clock import FixedClock
from cqrs.dispatch import CommandResult, QueryAnswer, Unvalidated
from cqrs.domain import Domain, NavLink
from cqrs.errors import ConcurrencyError, CqrsError, InvalidMessage, NotFound
from cqrs.mediator import Mediator
from cqrs.messages import Command, Context, Event, Metadata, Query, Role, Secret, event
from cqrs.projections.projection import DELETE, Projection, on
from cqrs.projections.reference import WriteModelReference
from cqrs.projections.sql_projection import SqlProjection
from cqrs.queries import QueryContext
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.runtime import Runtime, build_runtime
from cqrs.settings import Settings, load_settings
from cqrs.store.records import EventFilter, Expected, RecordedEvent
from cqrs.unit_of_work import UnitOfWork

__all__ = [
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
]
