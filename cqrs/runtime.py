"""Everything of one program put together: the log, both sides, and who may see them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cqrs.clock import Clock, utc_now
from cqrs.domain import Catalogue, Domain
from cqrs.drift.check import Found
from cqrs.drift.checking import AnyChecking, Checking
from cqrs.drift.checks import Checks
from cqrs.drift.coverage import Coverage, Coverages
from cqrs.drift.explanation import WHOLE, Explanation, Window, explain
from cqrs.drift.finding_keys import has_key
from cqrs.drift.judge import Judge
from cqrs.drift.repair import Preview, Repair, preview
from cqrs.drift.standing import StandingDrift
from cqrs.drift.table_checking import TableChecking
from cqrs.drift.write_model_check import WriteModelSide
from cqrs.drift.write_model_rows import WriteModelRows
from cqrs.errors import (
    CqrsError,
    DomainFault,
    NoWorker,
    OperationInTheWay,
    ReadModelMissing,
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
from cqrs.readmodels.foreign_writes import ForeignWrites
from cqrs.readmodels.reading import ReadModels
from cqrs.readmodels.row_repairs import RowRepairs
from cqrs.readmodels.snapshots import RowSnapshots
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

#: Rows that are derived for a look at a repair.
PREVIEWED = 200


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
        self.keys = KeyIndex(declared, events=self.events, types=self.types, database=self.read)
        self._add_drift()
        self.schedules = Schedules(
            self.main, self.operations, DefaultSchedules(self.projections.names(), self.checks_of)
        )

    def _add_drift(self) -> None:
        self.checks = Checks(self.main)
        declared = self.catalogue.projections.values()
        self.touched_rows = TouchedRows(declared, events=self.events, types=self.types)
        # An index of its own: a follower is for one thread at a time.
        keys = KeyIndex(declared, events=self.events, types=self.types, database=self.read)
        self._coverages = Coverages(self.main)
        foreign = ForeignWrites(self.read)
        by_keys = Checking(
            self.checks, self._coverages, keys, foreign, self.judge, write_model_of=self._write_model_side
        )
        made = (self.projections.definition, self.projections.scratch)
        by_tables = TableChecking(self.checks, self._coverages, RowSnapshots(self.read), *made)
        self.operation_handlers["check"] = AnyChecking(self.projections.definition, by_keys, by_tables)
        store = SqlReadModelStore(self.read)
        repairs = RowRepairs(self.read, store.lease_seconds)
        self.operation_handlers["repair"] = Repair(self.checks, self.judge, repairs, store, self._note_repair)

        self._add_requests()

    def _add_requests(self) -> None:
        """How operations are asked for."""
        self._requests = requests = Requests(self.projections, self.operations, self.checks)
        self.start_replay, self.start_rollback = requests.replay, requests.roll_back
        self.start_check, self.start_repair = requests.check, requests.repair
        self.checks_of = requests.checks_of

    def _write_model_side(self, name: str) -> WriteModelSide:
        projection = self.projections.definition(name)
        assert projection.write_model is not None
        return WriteModelSide(
            WriteModelRows(self.main, projection.write_model, projection.model),
            self.events.head,
            lambda name, position, seconds: self.projections.wait([name], position, seconds),
        )

    def _note_repair(
        self, connection: sa.Connection, actor: str, name: str, reason: str | None, detail: Mapping[str, Any]
    ) -> None:
        self.audit.record_on(
            connection, actor=actor, role=Role.OPERATOR.value, address="worker", action="repair-rows", target=name,
            outcome="done", reason=reason, detail=detail,
        )  # fmt: skip

    def judge(self, name: str) -> Judge:
        """Derives rows of a read model from the log and compares them. Raises NotFound."""
        return Judge(
            self.projections.definition(name),
            events=self.events,
            types=self.types,
            store=SqlReadModelStore(self.read),
            snapshots=RowSnapshots(self.read),
            keys=self.keys,
        )

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
            read_side=ReadSide(snapshot=self.read.read, position=_lowest_checkpoint, wait=self.projections.wait),
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

    def coverage(self, name: str) -> Coverage:
        """How much of the rows that readers see checks have looked at, and when. Raises NotFound."""
        return self._coverages.of(name, self.projections.live_id(name))

    def preview_repair(
        self,
        name: str,
        *,
        keys: Sequence[str] | None = None,
        check: str | None = None,
        only: Collection[int] | None = None,
        limit: int = PREVIEWED,
    ) -> Preview:
        """What a repair would write now, of `limit` keys at most; of a check the findings with the numbers in `only`.
        Raises what `start_repair` raises, but for operations in the way; ReadModelMissing."""
        self._requests.repairable(name, keys, check)
        found = [] if check is None else self.checks.unresolved(check, only)
        texts = list(keys or ()) if check is None else [each.key for each in found if self.has_key(name, each)]
        no_keys = 0 if check is None else len(found) - len(texts)
        return preview(self.judge(name), SqlReadModelStore(self.read), texts[:limit], no_keys=no_keys)

    def has_key(self, name: str, found: Found) -> bool:
        """Whether the row that was found can be asked for by its key. Raises NotFound."""
        projection = self.projections.definition(name)
        return projection.keyed and has_key(found, projection.model)

    def explain(self, name: str, key: str, *, window: Window = WHOLE) -> Explanation:
        """How the row of this key (its text) came about. Raises NotFound, ReadModelMissing, ShapeMismatch, NotKeyed,
        HistoryTooLong."""
        self.projections.keyed(name)
        judge = self.judge(name)
        store = SqlReadModelStore(self.read)
        return explain(judge, store, self.keys, key, head=self.events.safe_head(), window=window)

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


def _lowest_checkpoint(connection: sa.Connection, names: tuple[str, ...]) -> int:
    """Of the live generations as this snapshot shows them. Raises ReadModelMissing for one that has none."""
    g = read_tables.tables["generations"].c
    live = sa.select(g.projection, g.position).where(g.state == "live")
    found = dict(connection.execute(live).all())
    for name in names:
        if name not in found:
            raise ReadModelMissing(name=name)
    return int(min(found[name] for name in names))


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _make_folder(database: Database, instance: Path) -> None:
    """Only our own: a folder elsewhere that is missing is more likely a slip in DATABASE_URL."""
    if database.path is not None and database.path.parent == instance:
        instance.mkdir(parents=True, exist_ok=True)
