"""Gauges that report readings into a read model with a column of every type; and what it takes to check it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import sqlalchemy as sa

from cqrs.drift.bench import CheckSizes
from cqrs.drift.check import Check, Finding
from cqrs.drift.checking import Checking
from cqrs.drift.checks import Checks
from cqrs.drift.coverage import Coverage, Coverages
from cqrs.drift.judge import Judge
from cqrs.drift.write_model_check import WriteModelSide
from cqrs.drift.write_model_rows import WriteModelRows
from cqrs.identifiers import new_id
from cqrs.messages import Event, Metadata, event
from cqrs.projections.engine import Sizes
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.projection import DELETE, Projection, on
from cqrs.projections.projections import Projections
from cqrs.readmodels.foreign_writes import ForeignWrites
from cqrs.readmodels.generation import GenerationId
from cqrs.readmodels.snapshots import RowSnapshots
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.types import Money, UtcDateTime
from cqrs.store.database import Database
from cqrs.store.records import NewEvent
from cqrs.store.schema import READ, upgrade
from cqrs.store.serialization import EventTypes
from cqrs.store.sql import SqlEventStore
from cqrs.workers.operation import Operation
from cqrs.workers.operation_runner import OperationRunner
from cqrs.workers.operations import Operations

NAMES = UUID(int=7)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@event("GaugeSet")
class GaugeSet(Event):
    summary = "Gauge {gauge} was set up as {label}"

    gauge: str
    label: str


@event("Measured")
class Measured(Event):
    gauge: str
    value: int


@event("GaugeRemoved")
class GaugeRemoved(Event):
    gauge: str


TYPES = EventTypes([GaugeSet, Measured, GaugeRemoved])

gauges = sa.Table(
    "gauges",
    sa.MetaData(),
    sa.Column("gauge", sa.Text, primary_key=True),
    sa.Column("label", sa.String(40), nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False, default=0),
    sa.Column("small", sa.SmallInteger),
    sa.Column("cost", Money, nullable=False, default=Decimal(0)),
    sa.Column("mean", sa.Float, nullable=False, default=0.0),
    sa.Column("steady", sa.Boolean, nullable=False, default=True),
    sa.Column("seen_at", UtcDateTime),
    sa.Column("day", sa.Date),
    sa.Column("device", sa.Uuid),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("facts", sa.JSON, nullable=False, default={}),
    sa.Column("note", sa.Text),
)


class Gauges(Projection):
    table = gauges

    @on(GaugeSet, key="gauge", creates=True)
    def set_up(row: Any, event: GaugeSet) -> None:
        row.label, row.device = event.label, uuid5(NAMES, event.gauge)

    @on(Measured, key="gauge")
    def measured(row: Any, event: Measured, meta: Metadata) -> None:
        row.count += 1
        row.small = event.value % 100
        row.cost += Decimal("0.10")
        row.mean += (event.value - row.mean) / row.count
        row.steady = event.value % 2 == 0
        row.seen_at = meta.recorded_at
        row.day = meta.recorded_at.date()
        row.raw = bytes([event.value % 256])
        row.facts[str(event.value)] = [row.count, {"even": row.steady, "half": event.value / 2}]

    @on(GaugeRemoved, key="gauge")
    def removed(row: Any, event: GaugeRemoved) -> object:
        return DELETE


#: Chunks of few keys, rolling checks of one chunk, samples of fewer rows than there are.
SIZES = CheckSizes(chunk_keys=7, sample_rows=20, rolling_seconds=0.0)


class Station:
    """One process with everything that checking takes."""

    def __init__(
        self,
        main: Database,
        projection: type[Projection] = Gauges,
        *,
        check_sizes: CheckSizes = SIZES,
        monotonic: Callable[[], float] | None = None,
        lease_seconds: float = 15.0,
    ) -> None:
        self.database = main
        self.projection = projection
        upgrade(main, READ)
        self.events = SqlEventStore(main)
        self.store = SqlReadModelStore(main, lease_seconds=lease_seconds)
        sizes = Sizes(live=20, build=50, page=25, kept_rows=1_000)
        self.projections = Projections([projection], events=self.events, types=TYPES, store=self.store, sizes=sizes)
        self.projections.ensure()
        self.keys = KeyIndex([projection], events=self.events, types=TYPES, database=main)
        self.checks = Checks(main)
        self.operations = Operations(main, lease_seconds=lease_seconds)
        self.snapshots = RowSnapshots(main)
        self.judge = self.new_judge()
        clock = {"monotonic": monotonic} if monotonic else {}
        self.coverages = Coverages(main)
        self.handler = Checking(
            self.checks,
            self.coverages,
            self.keys,
            ForeignWrites(main),
            lambda name: self.judge,
            write_model_of=lambda name: self.write_model_side(),
            sizes=check_sizes,
            **clock,
        )

    @property
    def name(self) -> str:
        return self.projection.name

    def id_of(self, generation: int) -> GenerationId:
        return GenerationId(generation, self.snapshots.origin(self.name))

    def coverage(self, generation: int = 1) -> Coverage:
        return self.coverages.of(self.name, self.id_of(generation))

    def new_judge(self, snapshots: RowSnapshots | None = None) -> Judge:
        return Judge(
            self.projection,
            events=self.events,
            types=TYPES,
            store=self.store,
            snapshots=snapshots or self.snapshots,
            keys=self.keys,
        )

    def write_model_side(self) -> WriteModelSide:
        assert self.projection.write_model is not None
        rows = WriteModelRows(self.database, self.projection.write_model, self.projection.model)
        return WriteModelSide(
            rows, self.events.head, lambda name, position, seconds: self.projections.wait([name], position, 0.01)
        )

    def append(self, *happened: Event) -> None:
        self.events.append("gauge-1", [recorded(each) for each in happened])

    def move(self) -> None:
        self.projections.catch_up()

    def populate(self, count: int = 30, readings: int = 4) -> None:
        self.append(*(GaugeSet(gauge=f"g{n:03}", label=f"Gauge {n}") for n in range(count)))
        self.append(*(Measured(gauge=f"g{n:03}", value=n + turn) for turn in range(readings) for n in range(count)))
        self.move()

    def sql(self, statement: str, *values: Any) -> list[Any]:
        mark = "?" if self.database.dialect == "sqlite" else "%s"
        with self.database.write() as connection:
            result = connection.exec_driver_sql(statement.replace("?", mark), values)
            return list(result.all()) if result.returns_rows else []

    def rows(self) -> dict[str, tuple[Any, ...]]:
        return {row[0]: tuple(row) for row in self.sql("SELECT * FROM gauges__g1")}

    def ask(self, kind: str = "check", **parameters: Any) -> Operation:
        return self.operations.request(kind, self.name, actor="ana", parameters=parameters)

    def work(self, operation: Operation, handlers: dict[str, Any] | None = None) -> Operation:
        OperationRunner(self.operations, handlers or {"check": self.handler}, "worker").step()
        return self.operations.get(operation.id)

    def check(self, level: str = "full", reference: str = "log") -> Check:
        done = self.work(self.ask(level=level, reference=reference))
        assert done.state == "succeeded", done.errors
        check = self.checks.of_operation(done.id)
        assert check is not None
        return check

    def found(self, check: Check) -> dict[str, Finding]:
        page = self.checks.findings(check.id, limit=2_000)
        assert page.next is None
        return {each.key: each for each in page.items}


def recorded(happened: Event) -> NewEvent:
    name, version, data = TYPES.encode(happened)
    return NewEvent(
        type=name,
        schema_version=version,
        data=data,
        event_id=new_id(),
        correlation_id="c",
        causation_id=None,
        actor="ana",
        recorded_at=NOON,
    )
