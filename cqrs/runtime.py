"""Everything of one program put together: the log, both sides, and who may see them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cqrs.clock import Clock, utc_now
from cqrs.domain import Catalogue, Domain
from cqrs.drift.checking import AnyChecking, Checking, Level
from cqrs.drift.checks import LOG, WRITE_MODEL, Checks, Found, Verdict
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
    InvalidMessage,
    NotKeyed,
    NoWorker,
    OperationInTheWay,
    PreflightChanged,
    ReadModelMissing,
    RepairRefused,
    TooLittleSpace,
)
from cqrs.masking import is_sensitive
from cqrs.mediator import Mediator, ReadSide
from cqrs.messages import Event, Role, summary_of
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
from cqrs.settings import Settings
from cqrs.store import schema
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.records import RecordedEvent, category_of
from cqrs.store.reports import Reports
from cqrs.store.sql import SqlEventStore
from cqrs.store.tables import main as main_tables
from cqrs.workers.default_schedules import DefaultSchedules
from cqrs.workers.heartbeats import Workers
from cqrs.workers.operation import Operation
from cqrs.workers.operation_runner import OperationHandler
from cqrs.workers.operations import Operations
from cqrs.workers.replay_speed import replay_speed
from cqrs.workers.samples import Samples
from cqrs.workers.schedules import Schedules

#: Under which name a Flask application keeps its runtime.
EXTENSION = "cqrs.runtime"

#: How much a check looks at, and what it holds rows against.
LEVELS = tuple(level.value for level in Level)
REFERENCES = (LOG, WRITE_MODEL)

#: Rows that are derived for a look at a repair.
PREVIEWED = 200

#: A replay needs this many times its estimate to be free.
LEAST_ROOM = 1.5

#: A stream longer than this is not folded to show its state.
LONGEST_STREAM = 10_000


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

    def _write_model_side(self, name: str) -> WriteModelSide:
        projection = self.projections.definition(name)
        assert projection.write_model is not None
        return WriteModelSide(
            WriteModelRows(self.main, projection.write_model, projection.model),
            self.events.head,
            lambda name, position, seconds: self.projections.wait([name], position, seconds),
        )

    def _note_repair(self, actor: str, name: str, reason: str | None, detail: Mapping[str, Any]) -> None:
        self.audit.record(
            actor=actor, role=Role.OPERATOR.value, address="worker", action="repair-rows", target=name, outcome="done",
            reason=reason, detail=detail,
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

    # Operations

    def start_replay(
        self,
        name: str,
        *,
        actor: str,
        reason: str | None = None,
        review: bool = False,
        throttle: float | None = None,
        digest: str | None = None,
        known: Sequence[str] = (),
        outgrown: str | None = None,
    ) -> Operation:
        """Ask for a new generation, which a worker builds. With `review` it waits for approval before readers see it.

        `throttle` is how long to rest for each second of work; `digest` that of the preflight somebody decided on;
        `known` are texts of keys whose rows will differ, which surprises nobody; `outgrown` says which change of
        columns made the program start it by itself.
        Raises NotFound, OperationInTheWay, TooLittleSpace, PreflightChanged.
        """
        preflight = self.projections.preflight(name)
        held = self.operations.holder(name)
        if held is not None:
            raise OperationInTheWay(title=held.title, id=held.id)
        if digest is not None and digest != preflight.digest:
            raise PreflightChanged(projection=name)
        needed, free = preflight.bytes_needed, preflight.bytes_free
        if needed is not None and free is not None and free < needed * LEAST_ROOM:
            raise TooLittleSpace(projection=name, needed=f"{needed:,}", free=f"{free:,}")
        parameters = {"review": review, "throttle": throttle, "known": list(known), "outgrown": outgrown}
        return self.operations.request("replay", name, actor=actor, reason=reason, parameters=parameters)

    def start_rollback(self, name: str, *, actor: str, reason: str | None = None) -> Operation:
        """Ask for the generation that readers saw before this one.

        Raises NotFound, OperationInTheWay, NothingToRollBack; RollBackRefused when its columns are not the code's;
        InvalidMessage without a reason where other code made it.
        """
        target = self.projections.roll_back_target(name)
        if target.logic_changed and not (reason or "").strip():
            raise InvalidMessage({"reason": [f"Generation {target.number} was made by other code: say why."]})
        return self.operations.request(
            "rollback", name, actor=actor, reason=reason, parameters={"generation": target.number}
        )

    def start_check(
        self, name: str, *, actor: str, level: str = "full", reference: str = "log", reason: str | None = None
    ) -> Operation:
        """Ask for a check of the rows of a read model. Raises NotFound; InvalidMessage for a level or reference that
        there is not, or not for this one."""
        errors = {
            field: [f"Choose one of: {', '.join(choices)}."]
            for field, value, choices in (("level", level, LEVELS), ("reference", reference, REFERENCES))
            if value not in choices
        }
        offered = self.checks_of(name)
        if not errors and reference not in {each for _, each in offered}:
            errors["reference"] = [f"{name} declares no write_model: its rows can only be compared with the log."]
        elif not errors and (level, reference) not in offered:
            what = "Against the write model" if reference == WRITE_MODEL else "Of a SQL projection"
            errors["level"] = [f"{what} all rows are compared: choose full."]
        if errors:
            raise InvalidMessage(errors)
        parameters = {"level": level, "reference": reference}
        return self.operations.request("check", name, actor=actor, reason=reason, parameters=parameters)

    def checks_of(self, name: str) -> list[tuple[str, str]]:
        """The levels and references that a check of this projection may have. Raises NotFound."""
        projection = self.projections.definition(name)
        if not projection.keyed:
            return [(Level.FULL.value, LOG)]
        against = [(Level.FULL.value, WRITE_MODEL)] if projection.write_model is not None else []
        return [*((level, LOG) for level in LEVELS), *against]

    def coverage(self, name: str) -> Coverage:
        """How much of the rows that readers see checks have looked at, and when. Raises NotFound."""
        return self._coverages.of(name, self.projections.live_number(name))

    def start_repair(
        self,
        name: str,
        *,
        actor: str,
        keys: Sequence[str] | None = None,
        check: str | None = None,
        reason: str | None = None,
    ) -> Operation:
        """Ask for rows to be written anew from the log: those of `keys`, or all that a check found to differ.

        Raises NotFound, OperationInTheWay; RepairRefused when that check cannot be relied on; InvalidMessage unless
        there is something to repair; NotKeyed.
        """
        self._repairable(name, keys, check)
        parameters = {"keys": None if keys is None else list(keys), "check": check, "reason": reason}
        return self.operations.request("repair", name, actor=actor, reason=reason, parameters=parameters)

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
        self._repairable(name, keys, check)
        found = [] if check is None else self.checks.unresolved(check, only)
        texts = list(keys or ()) if check is None else [each.key for each in found if self.has_key(name, each)]
        no_keys = 0 if check is None else len(found) - len(texts)
        return preview(self.judge(name), SqlReadModelStore(self.read), texts[:limit], no_keys=no_keys)

    def has_key(self, name: str, found: Found) -> bool:
        """Whether the row that was found can be asked for by its key. Raises NotFound."""
        projection = self.projections.definition(name)
        return projection.keyed and has_key(found, projection.model)

    def _repairable(self, name: str, keys: Sequence[str] | None, check: str | None) -> None:
        self._keyed(name)
        if (keys is None) == (check is None):
            raise InvalidMessage({"keys": ["Give keys, or a check."]})
        if check is not None:
            found = self.checks.get(check)
            if found.projection != name:
                raise InvalidMessage({"check": [f"This was a check of {found.projection}."]})
            if found.verdict == Verdict.NOT_DETERMINISTIC:
                raise RepairRefused(projection=name, why="its handlers are not deterministic. Correct them first.")
            if not self.checks.keys_of(check):
                raise InvalidMessage({"check": ["It found nothing that is not repaired yet."]})
        elif not keys:
            raise InvalidMessage({"keys": ["Give at least one key."]})

    def explain(self, name: str, key: str, *, window: Window = WHOLE) -> Explanation:
        """How the row of this key (its text) came about. Raises NotFound, ReadModelMissing, ShapeMismatch, NotKeyed,
        HistoryTooLong."""
        self._keyed(name)
        judge = self.judge(name)
        store = SqlReadModelStore(self.read)
        return explain(judge, store, self.keys, key, head=self.events.safe_head(), window=window)

    def _keyed(self, name: str) -> None:
        """Raises NotFound; NotKeyed for a SQL projection."""
        if not self.projections.definition(name).keyed:
            raise NotKeyed(projection=name)

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

    def decode(self, recorded: RecordedEvent) -> Event | None:
        """As the class that is declared today; None when there is none, or the stored data do not fit it."""
        try:
            return self.types.decode(recorded.type, recorded.schema_version, recorded.data)
        except CqrsError:
            return None

    def summary(self, recorded: RecordedEvent) -> str | None:
        """The event as a sentence in which what is sensitive is masked; None where its class declares none."""
        event = self.decode(recorded)
        return None if event is None else summary_of(event, is_sensitive)

    def stream_state(self, stream: str, at: int | None = None) -> dict[str, Any] | None:
        """What the events of a stream up to version `at` amount to.

        None when its category has no aggregate, there are no events, one cannot be read, or there are too many.
        """
        aggregate_class = self.catalogue.aggregates.get(category_of(stream))
        if aggregate_class is None:
            return None
        recorded = self.events.read_stream(stream, until=at, limit=LONGEST_STREAM + 1)
        events = [event for event in map(self.decode, recorded) if event is not None]
        if not events or len(events) != len(recorded) or len(recorded) > LONGEST_STREAM:
            return None
        aggregate = aggregate_class(stream.removeprefix(f"{aggregate_class.category}-"))
        return aggregate.replay(events).state()


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
