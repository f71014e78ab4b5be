"""Rows held against the tables of the write side: what is behind is pending, what differs for good is found."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import sqlalchemy as sa

from cqrs.domain import Catalogue, Domain
from cqrs.drift.check import Check
from cqrs.drift.write_model_check import WriteModelSide
from cqrs.errors import DomainFault
from cqrs.identifiers import new_id
from cqrs.projections.projection import check as faults_of
from cqrs.projections.reference import WriteModelReference
from cqrs.readmodels.types import Money
from cqrs.store.database import Database
from cqrs.store.records import StateWrite, StreamAppend, Work
from tests.drift.faulty import Picky
from tests.drift.gauges import GaugeRemoved, Gauges, GaugeSet, Measured, Station, recorded
from tests.drift.interruptions import Killed, checks_meanwhile, die_at_save

registry = sa.Table(
    "registry",
    sa.MetaData(),
    sa.Column("gauge", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("secret", sa.Text),
)
REFERENCE = WriteModelReference(sa.select(registry.c.gauge, registry.c.label), columns=("label",))


class Registered(Gauges):
    write_model = REFERENCE


class RegisteredPicky(Picky):
    write_model = REFERENCE


@pytest.fixture
def station(database: Database) -> Station:
    station = Station(database, Registered)
    station.populate()
    register(station)
    return station


def register(station: Station) -> None:
    with station.database.write() as connection:
        registry.create(connection)
        rows = [{"gauge": f"g{n:03}", "label": f"Gauge {n}"} for n in range(30)]
        connection.execute(sa.insert(registry), rows)


def against(station: Station) -> Check:
    return station.check(reference="write_model")


def rename(station: Station, gauge: str, label: str) -> None:
    """As a command does: write model and event in one transaction."""
    station.sql("UPDATE registry SET label = ? WHERE gauge = ?", label, gauge)
    station.append(GaugeSet(gauge=gauge, label=label))


def test_rows_that_agree(station: Station) -> None:
    check = against(station)
    assert (check.verdict, check.reason, check.checked, check.rows, check.pending) == ("none", None, 30, 30, 0)
    assert (check.reference, check.position) == ("write_model", station.events.head())
    assert check.method == "All rows, and all keys of the write model (registry)."


def test_what_differs_is_found(station: Station) -> None:
    station.sql("UPDATE gauges__g1 SET label = 'other' WHERE gauge = 'g003'")
    station.sql("DELETE FROM registry WHERE gauge = 'g007'")
    station.sql("DELETE FROM gauges__g1 WHERE gauge = 'g011'")
    check = against(station)
    found = station.found(check)
    assert {key: each.kind for key, each in found.items()} == {"g003": "changed", "g007": "extra", "g011": "missing"}
    assert (check.verdict, check.checked) == ("drift", 30)
    assert found["g003"].columns == {"label": {"stored": "other", "expected": "Gauge 3"}}
    assert found["g011"].columns == {"label": {"stored": None, "expected": "Gauge 11"}}
    assert found["g003"].last_event == station.keys.positions_of("gauges", "g003")[-1]


def test_columns_that_need_not_agree_are_not_looked_at(station: Station) -> None:
    station.sql("UPDATE gauges__g1 SET note = 'x', count = 99")
    station.sql("UPDATE registry SET secret = 'x'")
    assert against(station).verdict == "none"


def test_what_has_not_been_projected_yet_is_pending(station: Station) -> None:
    rename(station, "g003", "Renamed")
    station.sql("INSERT INTO registry (gauge, label) VALUES ('new', 'New')")
    station.append(GaugeSet(gauge="new", label="New"))
    station.sql("UPDATE gauges__g1 SET label = 'other' WHERE gauge = 'g009'")
    station.handler._monotonic = _hurried()
    check = against(station)
    assert (check.verdict, check.pending, list(station.found(check))) == ("drift", 2, ["g009"])
    station.sql("UPDATE gauges__g1 SET label = 'Gauge 9' WHERE gauge = 'g009'")
    check = against(station)
    assert (check.verdict, check.pending) == ("inconclusive", 2)
    assert check.reason is not None
    assert "2 keys" in check.reason


def _hurried() -> Any:
    ticks = iter(range(10_000_000))
    return lambda: float(next(ticks))


def test_pending_keys_are_looked_at_again_once_the_checkpoint_has_passed(station: Station) -> None:
    rename(station, "g003", "Renamed")
    rename(station, "g004", "Renamed")
    station.sql("UPDATE registry SET label = 'Unheard of' WHERE gauge = 'g004'")
    side = station.write_model_side()

    def wait(name: str, position: int, seconds: float) -> int:
        station.move()
        return position

    station.handler._write_model_of = lambda name: WriteModelSide(side.rows, side.head, wait)
    check = against(station)
    assert (check.pending, list(station.found(check))) == (0, ["g004"])
    assert check.checked == 30


def test_parked_and_skipped_keys_are_known(database: Database) -> None:
    station = Station(database, RegisteredPicky)
    station.populate()
    register(station)
    station.projections.skip_parked("gauges", "g013", reason="unlucky", actor="ana")
    station.sql("UPDATE registry SET label = 'other' WHERE gauge IN ('g013', 'g012')")
    check = against(station)
    assert (check.verdict, check.known) == ("none", 4)


def test_a_check_against_the_log_leaves_these_findings_as_they_are(station: Station) -> None:
    station.sql("UPDATE registry SET label = 'other' WHERE gauge = 'g003'")
    first = against(station)
    assert station.check().verdict == "none"
    assert station.found(first)["g003"].resolved_by is None
    station.sql("UPDATE registry SET label = 'Gauge 3' WHERE gauge = 'g003'")
    second = against(station)
    assert station.found(first)["g003"].resolved_by == second.id


@pytest.mark.parametrize("stop_at", range(1, 7))
def test_it_goes_on_where_another_worker_stopped(
    database: Database, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    monkeypatch.setattr("cqrs.drift.write_model_check.CHUNK_KEYS", 7)
    station = Station(database, Registered, monotonic=_hurried())
    station.populate()
    register(station)
    rename(station, "g001", "Renamed")
    station.sql("UPDATE gauges__g1 SET label = 'other' WHERE gauge = 'g003'")
    station.sql("DELETE FROM gauges__g1 WHERE gauge IN ('g002', 'g029')")
    operation = station.ask(reference="write_model")
    die_at_save(station.checks, stop_at)
    try:
        station.work(operation)
    except Killed:
        station.sql("UPDATE operations SET lease_until = NULL")
        station.work(operation)
    check = station.checks.of_operation(operation.id)
    assert check is not None
    assert sorted(station.found(check)) == ["g002", "g003", "g029"]
    assert (check.verdict, check.pending, check.checked) == ("drift", 1, 30)


def test_a_detector_that_does_not_look_behind_the_checkpoint_finds_what_is_not_there(station: Station) -> None:
    rename(station, "g003", "Renamed")
    side, until = station.write_model_side(), station.projections.status("gauges").checkpoint
    assert until is not None
    station.handler._write_model_of = lambda name: WriteModelSide(side.rows, lambda: until, side.wait)
    assert list(station.found(against(station))) == ["g003"]


def test_nothing_is_found_while_commands_run(station: Station) -> None:
    def command(station: Station, n: int) -> None:
        """Write model and events in one transaction, as the mediator does it."""
        gauge = f"g{n % 40:03}"
        happened: list[Any] = [GaugeSet(gauge=gauge, label=f"Label {n}"), Measured(gauge=gauge, value=n)]
        statements: list[Any] = [sa.delete(registry).where(registry.c.gauge == gauge)]
        if n % 7 == 0:
            happened.append(GaugeRemoved(gauge=gauge))
        else:
            statements.append(sa.insert(registry).values(gauge=gauge, label=f"Label {n}"))
        commit(station, happened, statements)

    checks = checks_meanwhile(station, lambda: against(station), 10, command)
    assert {check.verdict for check in checks} <= {"none", "inconclusive"}
    assert [check.differing for check in checks] == [0] * 10
    station.move()
    assert against(station).verdict == "none"


def commit(station: Station, happened: list[Any], statements: list[Any]) -> None:
    appends = (StreamAppend(stream="gauge-1", events=tuple(map(recorded, happened))),)
    writes = tuple(StateWrite(statement=each) for each in statements)
    station.events.commit(Work(command_id=new_id(), correlation_id="c", appends=appends, writes=writes))


# -- declarations


def test_wrong_declarations_are_told_at_start() -> None:
    def faults(reference: Any) -> list[str]:
        class Wrong(Gauges):
            write_model: ClassVar[Any] = reference

        return faults_of(Wrong)

    gauge, label = registry.c.gauge, registry.c.label
    assert faults(REFERENCE) == []
    assert "must be a WriteModelReference" in faults("registry")[0]
    assert "names no columns" in faults(WriteModelReference(sa.select(gauge, label), columns=()))[0]
    assert "names no columns" in faults(WriteModelReference(sa.select(gauge, label), columns="label"))[0]  # type: ignore[arg-type]
    assert "selects no gauge" in faults(WriteModelReference(sa.select(label), columns=("label",)))[0]
    assert "does not select" in faults(WriteModelReference(sa.select(gauge), columns=("label",)))[0]
    assert "not a column" in faults(WriteModelReference(sa.select(gauge, label), columns=("gauge",)))[0]
    other = sa.select(gauge, sa.cast(label, sa.Integer).label("label"))
    assert "selects label as int" in faults(WriteModelReference(other, columns=("label",)))[0]


def test_it_may_join_write_models_that_a_domain_lists() -> None:
    columns = (sa.Column("of", sa.Text, primary_key=True), sa.Column("cost", Money))
    prices = sa.Table("prices", sa.MetaData(), *columns)

    class Joined(Gauges):
        write_model = WriteModelReference(
            sa.select(registry.c.gauge, prices.c.cost).join(prices, prices.c.of == registry.c.gauge), columns=("cost",)
        )

    assert {table.name for table in Joined.write_model.tables} == {"registry", "prices"}
    events = [GaugeSet, Measured, GaugeRemoved]
    Catalogue([Domain("gauges", events=events, projections=[Joined], write_models=[registry, prices])])
    with pytest.raises(DomainFault, match="The write_model of Joined reads prices"):
        Catalogue([Domain("gauges", events=events, projections=[Joined], write_models=[registry])])
