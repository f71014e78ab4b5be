"""Everything of one program put together: the log, both sides, and who may see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cqrs.clock import Clock, utc_now
from cqrs.domain import Catalogue, Domain
from cqrs.drift.drift import Drift
from cqrs.drift.standing import StandingDrift
from cqrs.errors import (
    CqrsError,
    DomainFault,
    NoWorker,
    OperationInTheWay,
)
from cqrs.mediator import Mediator, ReadSide
from cqrs.messages import Role
from cqrs.operators.audit import Audit
from cqrs.operators.people import People
from cqrs.operators.sessions import Sessions
from cqrs.operators.throttle import Throttle
from cqrs.operators.tokens import Tokens
from cqrs.projections.inline import InlineProjections
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.projections import Projections
from cqrs.projections.touched_rows import TouchedRows
from cqrs.readmodels.lowest_checkpoint import lowest_checkpoint
from cqrs.readmodels.reading import ReadModels
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.tables import read as read_tables
from cqrs.requests import Requests
from cqrs.settings import Settings
from cqrs.store import schema
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.reports import Reports
from cqrs.store.sql import SqlEventStore
from cqrs.store.tables import main as main_tables
from cqrs.streams import Streams
from cqrs.workers.default_schedules import DefaultSchedules
from cqrs.workers.heartbeats import Workers
from cqrs.workers.operation_runner import OperationHandler
from cqrs.workers.operations import Operations
from cqrs.workers.replay_speed import replay_speed
from cqrs.workers.samples import Samples
from cqrs.workers.schedules import Schedules

#: Under which name a Flask application keeps its runtime.
EXTENSION = "cqrs.runtime"


@dataclass(frozen=True, slots=True)
class Readiness:
    """`reasons` are sentences, none when all is well."""

    ok: bool
    reasons: Sequence[str]


def build_runtime(settings: Settings, domains: Iterable[Domain], *, clock: Clock = utc_now) -> Runtime:
    """Opens no connection and starts no thread. Raises DomainFault, UnsupportedDatabase."""
    return Runtime(settings, Catalogue(domains), clock)


class Runtime:
    """Safe for use by several threads. The attributes are the parts; the methods are about all of them."""

    def __init__(self, settings: Settings, catalogue: Catalogue, clock: Clock) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.clock = clock
        self.types = catalogue.types
        _refuse_our_names(catalogue)
        self.main = open_database(settings.database_url, root=settings.root)
        self.read = self._read_database()
        self.events = SqlEventStore(self.main, clock=clock)
        streams = Streams(catalogue, self.events)
        self.decode, self.summary, self.stream_state = streams.decode, streams.summary, streams.state
        self._add_operators()
        self._add_read_side()
        self._add_inline()
        self.mediator = self._mediator()

    def _read_database(self) -> Database:
        """The same object where both are one database: its write gate and its connections are shared."""
        read = open_database(self.settings.read_database_url, root=self.settings.root)
        same_file = read.path is not None and self.main.path is not None and _same(read.path, self.main.path)
        return self.main if same_file or read.url == self.main.url else read

    def _add_operators(self) -> None:
        self.people = People(self.main)
        self.sessions = Sessions(self.main)
        self.tokens = Tokens(self.main)
        self.throttle = Throttle(self.main)
        self.audit = Audit(self.main)
        self.workers = Workers(self.main)
        self.samples = Samples(self.main)
        self.operations = Operations(self.main)

    def _add_read_side(self) -> None:
        self.reports = Reports(self.main)
        declared = self.catalogue.projections.values()
        self.read_models = ReadModels(self.read, [model for projection in declared for model in projection.models()])
        self.projections = Projections(
            self.catalogue.projections.values(),
            events=self.events,
            types=self.types,
            store=SqlReadModelStore(self.read),
            rates_of=self.samples.rates,
            speed_of=lambda name: replay_speed(self.operations, name),
            in_the_way_of=self._in_the_way_of,
            drift_of=StandingDrift(self.main).read,
            positions_of=lambda name, key, until: self.keys.positions_of(name, key, until=until),
        )
        #: How operations are carried out, by kind.
        self.operation_handlers: dict[str, OperationHandler] = {
            "replay": self.projections.replay(),
            "rollback": self.projections.roll_back(),
        }
        self._add_drift()
        self._add_requests()
        self.schedules = Schedules(
            self.main, self.operations, DefaultSchedules(self.projections.names(), self.checks_of)
        )

    def _add_drift(self) -> None:
        declared = self.catalogue.projections.values()
        self.touched_rows = TouchedRows(declared, events=self.events, types=self.types)
        self.keys, own_keys = (
            KeyIndex(declared, events=self.events, types=self.types, database=self.read) for _ in range(2)
        )
        drift = Drift(
            self.projections,
            events=self.events,
            types=self.types,
            main=self.main,
            read=self.read,
            keys=self.keys,
            own_keys=own_keys,
            note=self._note_repair,
        )
        self.operation_handlers |= {"check": drift.checking, "repair": drift.repair}
        self.checks, self.judge, self.coverage = drift.checks, drift.judge, drift.coverage
        self.explain, self.has_key, self.preview_repair = drift.explain, drift.has_key, drift.preview_repair
        self._repairable = drift.repairable

    def _add_requests(self) -> None:
        """How operations are asked for."""
        requests = Requests(self.projections, self.operations, self._repairable)
        self.start_replay, self.start_rollback = requests.replay, requests.roll_back
        self.start_check, self.start_repair = requests.check, requests.repair
        self.checks_of = requests.checks_of

    def _note_repair(
        self, connection: sa.Connection, actor: str, name: str, reason: str | None, detail: Mapping[str, Any]
    ) -> None:
        self.audit.record_on(
            connection, actor=actor, role=Role.OPERATOR.value, address="worker", action="repair-rows", target=name,
            outcome="done", reason=reason, detail=detail,
        )  # fmt: skip

    def _add_inline(self) -> None:
        declared = self.catalogue.projections.values()
        inline = [each.name for each in declared if each.inline]
        if inline and self.read is not self.main:
            raise DomainFault([_inline_fault(name) for name in inline])
        if inline:
            store, advanced = SqlReadModelStore(self.read), self.projections.advanced
            self.events.take_along(InlineProjections(declared, types=self.types, store=store, advanced=advanced))

    def _mediator(self) -> Mediator:
        return Mediator(
            command_handlers=self.catalogue.command_handlers,
            query_handlers=self.catalogue.query_handlers,
            events=self.events,
            types=self.types,
            secret=self.settings.secret_key.encode(),
            snapshot=self.main.read,
            read_side=ReadSide(snapshot=self.read.read, position=lowest_checkpoint, wait=self.projections.wait),
            clock=self.clock,
        )

    def init(self) -> None:
        """Make or update all tables; may be repeated, also by several processes at once.

        Raises SchemaTooNew, DatabaseUnavailable, UnsafeDatabase.
        """
        for database in self._databases():
            _make_folder(database, self.settings.instance)
            database.self_test()
        schema.upgrade(self.main, schema.MAIN)
        schema.upgrade(self.read, schema.READ)
        with self.main.write() as connection:
            self.main.begin_migration(connection)
            for table in self.catalogue.write_models.values():
                table.create(connection, checkfirst=True)
        self.projections.ensure()
        self.schedules.ensure()

    def check(self) -> None:
        """Raises SchemaMissing, SchemaOutdated or SchemaTooNew unless the tables are what this program expects."""
        schema.check(self.main, schema.MAIN)
        schema.check(self.read, schema.READ)

    def ready(self) -> Readiness:
        """Whether requests can be answered, and events will be projected."""
        try:
            self.check()
            alive = self.workers.alive()
        except CqrsError as error:
            return Readiness(False, [str(error)])
        return Readiness(bool(alive), [] if alive else [str(NoWorker())])

    def _in_the_way_of(self, name: str) -> str | None:
        held = self.operations.holder(name)
        return None if held is None else str(OperationInTheWay(title=held.title, id=held.id))

    def close(self) -> None:
        """Wakes whoever waits for events, then closes all connections."""
        self.events.close()
        for database in self._databases():
            database.dispose()

    def _databases(self) -> Sequence[Database]:
        return [self.main] if self.read is self.main else [self.main, self.read]


def _refuse_our_names(catalogue: Catalogue) -> None:
    """A table of the domain under the name of one of ours would be taken for it."""
    ours = set(main_tables.tables) | set(read_tables.tables)
    read_models = {model.name for each in catalogue.projections.values() for model in each.models()}
    theirs = read_models | set(catalogue.write_models)
    taken = sorted(name for name in theirs if name.lower() in ours or name.lower().startswith("projectionist_"))
    if taken:
        raise DomainFault(
            [f"The table {name} has the name of one of our own: call it something else." for name in taken]
        )


def _inline_fault(name: str) -> str:
    return (
        f"The projection {name} is inline, so its rows must lie in the database of the log: "
        "leave READ_DATABASE_URL unset, or take inline = True away."
    )


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _make_folder(database: Database, instance: Path) -> None:
    """Only our own: a folder elsewhere that is missing is more likely a slip in DATABASE_URL."""
    if database.path is not None and database.path.parent == instance:
        instance.mkdir(parents=True, exist_ok=True)
