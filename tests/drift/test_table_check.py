"""A full check of a SQL projection: derived anew beside what readers see, compared at exactly their checkpoint."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.drift.check import Check
from cqrs.drift.checks import Checks
from cqrs.drift.coverage import Coverages
from cqrs.drift.table_checking import TableChecking
from cqrs.messages import Event, Metadata
from cqrs.projections.engine import Sizes
from cqrs.projections.projections import Projections
from cqrs.projections.sql_projection import SqlProjection
from cqrs.projections.status import State
from cqrs.readmodels.snapshots import RowSnapshots
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.store.database import Database
from cqrs.store.schema import READ, upgrade
from cqrs.store.sql import SqlEventStore
from cqrs.workers.operation import Operation
from cqrs.workers.operation_runner import OperationRunner
from cqrs.workers.operations import Operations
from tests.drift.gauges import TYPES, Measured, recorded
from tests.drift.interruptions import Killed, die_at_save
from tests.waiting import wait_until

tables = sa.MetaData()
readings = sa.Table(
    "readings",
    tables,
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("gauge", sa.Text, nullable=False),
    sa.Column("value", sa.BigInteger, nullable=False),
)
sums = sa.Table(
    "sums", tables, sa.Column("gauge", sa.Text, primary_key=True), sa.Column("total", sa.BigInteger, nullable=False)
)


class Readings(SqlProjection):
    tables = (readings, sums)
    events = (Measured,)
    unlucky = -1

    def handle(connection: sa.Connection, event: Event, tables: Any, meta: Metadata) -> None:
        assert isinstance(event, Measured)
        if event.value == Readings.unlucky:
            raise ValueError("unlucky")
        readings, sums = tables["readings"], tables["sums"]
        connection.execute(sa.insert(readings).values(position=meta.position, gauge=event.gauge, value=event.value))
        grown = sa.update(sums).where(sums.c.gauge == event.gauge).values(total=sums.c.total + event.value)
        if connection.execute(grown).rowcount == 0:
            connection.execute(sa.insert(sums).values(gauge=event.gauge, total=event.value))


class Desk:
    def __init__(self, database: Database) -> None:
        upgrade(database, READ)
        self.database = database
        self.events = SqlEventStore(database)
        self.store = SqlReadModelStore(database)
        self.projections = Projections(
            [Readings], events=self.events, types=TYPES, store=self.store, sizes=Sizes(live=20, build=50, page=25)
        )
        self.projections.ensure()
        self.checks, self.coverages, self.operations = Checks(database), Coverages(database), Operations(database)
        self.snapshots = RowSnapshots(database)

    def handler(self) -> TableChecking:
        made = (self.projections.definition, self.projections.scratch)
        ticks = iter(range(10_000_000))
        return TableChecking(
            self.checks, self.coverages, self.snapshots, *made, monotonic=lambda: float(next(ticks)) * 2
        )

    def measure(self, *pairs: tuple[str, int]) -> None:
        self.events.append("gauge-1", [recorded(Measured(gauge=gauge, value=value)) for gauge, value in pairs])

    def move(self) -> None:
        self.projections.catch_up()

    def sql(self, statement: str) -> list[Any]:
        with self.database.write() as connection:
            result = connection.exec_driver_sql(statement)
            return list(result.all()) if result.returns_rows else []

    def ask(self) -> Operation:
        parameters = {"level": "full", "reference": "log"}
        return self.operations.request("check", "readings", actor="ana", parameters=parameters)

    def work(self, operation: Operation) -> Operation:
        OperationRunner(self.operations, {"check": self.handler()}, "worker").step()
        return self.operations.get(operation.id)

    def check(self) -> Check:
        done = self.work(self.ask())
        assert done.state == "succeeded", done.errors
        return self.of(done)

    def of(self, operation: Operation) -> Check:
        check = self.checks.of_operation(operation.id)
        assert check is not None
        return check

    def found(self, check: Check) -> dict[str, str]:
        return {each.key: each.kind for each in self.checks.findings(check.id, limit=200).items}

    def generations(self) -> list[int]:
        return [each.number for each in self.store.generations()[1]]


@pytest.fixture
def desk(database: Database, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("cqrs.drift.table_check.CHUNK_ROWS", 7)
    monkeypatch.setattr(Readings, "unlucky", -1)
    desk = Desk(database)
    desk.measure(*((f"g{n % 10:02}", n) for n in range(40)))
    desk.move()
    return desk


PLANT = (
    "UPDATE readings__g1 SET value = 1000 WHERE position = 5",
    "DELETE FROM readings__g1 WHERE position IN (1, 33, 40)",
    "UPDATE readings__g1 SET position = 99 WHERE position = 21",
    "UPDATE sums__g1 SET total = 0 WHERE gauge = 'g07'",
    "INSERT INTO sums__g1 (gauge, total) VALUES ('a', 1), ('zz', 1)",
)
PLANTED = {
    "5": "changed", "1": "missing", "33": "missing", "40": "missing", "21": "missing", "99": "extra",
    "sums: g07": "changed", "sums: a": "extra", "sums: zz": "extra",
}  # fmt: skip


def test_a_clean_model_has_no_findings_and_nothing_is_left(desk: Desk) -> None:
    check = desk.check()
    assert (check.verdict, check.reason, check.checked, check.rows) == ("none", None, 50, 50)
    assert (check.position, check.events) == (desk.events.head(), 40)
    assert check.method == "All rows, derived anew from all events, of readings, sums."
    assert desk.generations() == [1]
    assert desk.coverages.of("readings", desk.projections.live_id("readings")).oldest_at == check.started_at


def test_what_was_planted_is_found_in_every_table(desk: Desk) -> None:
    for statement in PLANT:
        desk.sql(statement)
    check = desk.check()
    assert desk.found(check) == PLANTED
    assert (check.verdict, check.missing, check.changed, check.extra) == ("drift", 4, 2, 3)
    page = {each.key: each.columns for each in desk.checks.findings(check.id, limit=200).items}
    assert page["5"] == {"value": {"stored": 1000, "expected": 4}}
    assert page["sums: g07"] == {"total": {"stored": 0, "expected": 7 + 17 + 27 + 37}}


def test_tables_without_a_single_row_left(desk: Desk) -> None:
    desk.sql("DELETE FROM readings__g1")
    check = desk.check()
    assert (check.missing, check.checked) == (40, 50)


def test_it_is_compared_at_the_checkpoint_of_readers_wherever_that_is(desk: Desk) -> None:
    desk.measure(*(("g01", 5) for _ in range(5)))
    assert desk.check().verdict == "none"
    real, calls = desk.snapshots.chunk, 0

    def chunk(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        found = real(*args, **options)
        desk.measure(("g01", calls), (f"h{calls:02}", calls))
        desk.move()
        return found

    desk.snapshots.chunk = chunk  # type: ignore[method-assign]
    check = desk.check()
    assert (check.verdict, check.differing) == ("none", 0)
    assert calls > 10


def test_a_detector_that_does_not_move_along_finds_what_is_not_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = desk.projections.scratch

    def scratch(name: str, run: Any) -> Any:
        made = real(name, run)
        move, until = made.advance, desk.events.head()
        made.advance = lambda position: move(min(position, until)) or True  # type: ignore[method-assign]
        return made

    monkeypatch.setattr(desk.projections, "scratch", scratch)
    assert desk.check().verdict == "none"
    read = desk.snapshots.chunk

    def chunk(*args: Any, **options: Any) -> Any:
        desk.measure(("g01", 1))
        desk.move()
        return read(*args, **options)

    desk.snapshots.chunk = chunk  # type: ignore[method-assign]
    assert desk.check().differing > 0


@pytest.mark.parametrize("stop_at", [1, 2, 4, 6])
def test_it_goes_on_where_another_worker_stopped(desk: Desk, stop_at: int) -> None:
    for statement in PLANT:
        desk.sql(statement)
    operation = desk.ask()
    die_at_save(desk.checks, stop_at)
    with pytest.raises(Killed):
        desk.work(operation)
    assert len(desk.generations()) == 2
    assert desk.projections.status("readings").state is not State.REPLAYING
    assert [each.number for each in desk.projections.generations("readings")] == [1]
    assert desk.projections.drop_old(lambda: [operation.id]) == []
    desk.sql("UPDATE operations SET lease_until = NULL")
    desk.work(operation)
    check = desk.of(operation)
    assert desk.found(check) == PLANTED
    assert (check.verdict, check.stored) == ("drift", len(PLANTED))
    assert desk.generations() == [1]


def test_what_a_check_that_is_over_has_left_is_dropped(desk: Desk) -> None:
    operation = desk.ask()
    die_at_save(desk.checks, 1)
    with pytest.raises(Killed):
        desk.work(operation)
    assert desk.projections.drop_old(lambda: []) == [("readings", 2)]


def test_an_event_that_cannot_be_applied_again_is_inconclusive(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Readings, "unlucky", 13)
    check = desk.check()
    assert check.verdict == "inconclusive"
    assert check.reason is not None
    assert "unlucky" in check.reason
    assert desk.generations() == [1]


def test_a_check_that_is_cancelled_leaves_nothing(desk: Desk) -> None:
    operation, real = desk.ask(), desk.snapshots.of_keys

    def cancel(*args: Any) -> Any:
        desk.operations.cancel(operation.id, actor="ben")
        return real(*args)

    desk.snapshots.of_keys = cancel  # type: ignore[method-assign]
    assert desk.work(operation).state == "cancelled"
    assert desk.of(operation).verdict == "inconclusive"
    assert desk.generations() == [1]


def test_nothing_is_found_while_commands_run(desk: Desk) -> None:
    stop, errors = threading.Event(), list[BaseException]()

    def work() -> None:
        n = 0
        try:
            while not stop.is_set():
                n += 1
                desk.measure((f"g{n % 30:02}", n))
                desk.move()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    checks = []
    try:
        for _ in range(4):
            head = desk.events.head()
            wait_until(lambda head=head: desk.events.head() > head or bool(errors))
            checks.append(desk.check())
    finally:
        stop.set()
        thread.join()
    assert errors == []
    assert [(check.verdict, check.differing) for check in checks] == [("none", 0)] * 4
