"""A full check finds all rows that somebody changed, and none that nobody did."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from cqrs.drift import derivation
from cqrs.drift.bench import CheckSizes
from cqrs.drift.check import MOST_FINDINGS
from cqrs.errors import OperationLost
from cqrs.projections.projection import Projection, on
from cqrs.projections.projection import check as faults_of
from cqrs.store.database import Database
from tests.drift.faulty import WRONG, Careless, Moody, Picky, Torn, Unsteady, plant
from tests.drift.gauges import GaugeRemoved, Gauges, GaugeSet, Measured, Station, gauges
from tests.drift.interruptions import Killed, checks_meanwhile


def test_a_clean_model_has_no_findings(station: Station) -> None:
    check = station.check()
    assert (check.verdict, check.reason, check.checked, check.differing) == ("none", None, 30, 0)
    assert check.position == station.events.head()


def test_a_changed_value_of_every_type_is_found_and_nothing_else(station: Station) -> None:
    planted = {column: f"g{n:03}" for n, column in enumerate(WRONG, start=3)}
    for column, key in planted.items():
        plant(station, column, key)
    check = station.check()
    found = station.found(check)
    assert check.verdict == "drift"
    assert {key: list(each.columns) for key, each in found.items()} == {key: [c] for c, key in planted.items()}
    assert {each.kind for each in found.values()} == {"changed"}
    assert (check.changed, check.missing, check.extra, check.checked) == (len(WRONG), 0, 0, 30)
    assert found[planted["cost"]].columns["cost"] == {"stored": "0.41", "expected": "0.40"}
    assert found[planted["note"]].columns["note"] == {"stored": "somebody was here", "expected": None}


@pytest.mark.parametrize("column", [c.name for c in gauges.columns if c.nullable])
def test_null_instead_of_a_value(station: Station, column: str) -> None:
    if column == "note":
        return
    station.sql(f"UPDATE gauges__g1 SET {column} = NULL WHERE gauge = 'g011'")
    (finding,) = station.found(station.check()).values()
    assert (finding.key, list(finding.columns)) == ("g011", [column])
    assert finding.columns[column]["stored"] is None


def test_missing_extra_swapped_and_moved_rows(station: Station) -> None:
    station.sql("DELETE FROM gauges__g1 WHERE gauge IN ('g000', 'g029')")
    columns = ", ".join(c.name for c in gauges.columns if c.name != "gauge")
    station.sql(
        f"INSERT INTO gauges__g1 (gauge, {columns}) SELECT 'zz', {columns} FROM gauges__g1 WHERE gauge = 'g001'"
    )
    station.sql("UPDATE gauges__g1 SET gauge = 'moved' WHERE gauge = 'g020'")
    station.sql(
        "UPDATE gauges__g1 SET label = CASE gauge WHEN 'g005' THEN 'Gauge 6' ELSE 'Gauge 5' END "
        "WHERE gauge IN ('g005', 'g006')"
    )
    check = station.check()
    kinds = {key: each.kind for key, each in station.found(check).items()}
    assert kinds == {
        "g000": "missing", "g029": "missing", "g020": "missing", "zz": "extra", "moved": "extra",
        "g005": "changed", "g006": "changed",
    }  # fmt: skip
    assert (check.missing, check.extra, check.changed) == (3, 2, 2)
    missing = station.found(check)["g000"]
    assert missing.columns["label"] == {"stored": None, "expected": "Gauge 0"}
    assert missing.last_event == 30 + 3 * 30 + 1


def test_events_of_a_chunk_that_come_in_many_pages(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivation, "PAGE", 4)
    plant(station, "note", "g020")
    station.append(GaugeRemoved(gauge="g021"))
    station.move()
    columns = ", ".join(c.name for c in gauges.columns if c.name != "gauge")
    station.sql(
        f"INSERT INTO gauges__g1 (gauge, {columns}) SELECT 'g021', {columns} FROM gauges__g1 WHERE gauge = 'g001'"
    )
    check = station.check()
    found = station.found(check)
    assert {key: each.kind for key, each in found.items()} == {"g020": "changed", "g021": "extra"}
    assert [found[key].last_event for key in found] == [30 + 3 * 30 + 21, station.events.head()]
    assert check.events == station.events.head()


def test_one_is_neither_one_point_nought_nor_true(station: Station) -> None:
    comparison = station.judge.comparison
    rows = [row.packed for row in station.snapshots.chunk(Gauges.model, None, 3).rows]
    n = next(n for n, column in enumerate(Gauges.model.columns) if column.name == "count")
    for other in (float(rows[1][n]), rows[1][n] + 1, None):
        others = [rows[0], (*rows[1][:n], other, *rows[1][n + 1 :]), rows[2]]
        assert comparison.unlike(rows, others) == {1}
    assert comparison.unlike(rows, list(rows)) == comparison.unlike([], []) == set()


def test_a_slow_chunk_is_followed_by_smaller_ones(database: Database) -> None:
    slow = Station(database, check_sizes=CheckSizes(chunk_keys=400), monotonic=map(float, itertools.count()).__next__)
    slow.populate(1)
    real, sizes = slow.judge.rows, list[int]()

    def rows(after: Any, size: int, last: Any = None) -> Any:
        sizes.append(size)
        judged, snapshot = real(None, size, last)
        return judged, replace(snapshot, end=("g000",) if len(sizes) < 6 else None)

    slow.judge.rows = rows  # type: ignore[method-assign]
    slow.check()
    assert sizes == [400, 200, 100, 50, 50, 50]


def test_what_only_looks_different_is_no_finding(station: Station) -> None:
    ((facts,),) = station.sql("SELECT facts FROM gauges__g1 WHERE gauge = 'g004'")
    values = facts if isinstance(facts, dict) else json.loads(facts)
    reordered = dict(reversed(values.items()))
    station.sql("UPDATE gauges__g1 SET facts = ? WHERE gauge = 'g004'", json.dumps(reordered, indent=3))
    station.sql("UPDATE gauges__g1 SET mean = mean * (1 + 1e-12)")
    assert station.check().verdict == "none"


@pytest.mark.parametrize("dialect", ["sqlite"])  # PostgreSQL stores nothing that is not of its column's type
def test_values_that_do_not_decode_are_findings(database: Database) -> None:
    station = Station(database)
    station.populate()
    wrong = {"g001": ("day", "no day"), "g002": ("facts", "{"), "g003": ("count", "many"), "g004": ("steady", 7)}
    wrong |= {"g005": ("label", b"\xff"), "g006": ("device", "?"), "g007": ("seen_at", "2026"), "g008": ("cost", "1e")}
    for key, (column, value) in wrong.items():
        station.sql(f"UPDATE gauges__g1 SET {column} = ? WHERE gauge = ?", value, key)
    station.sql("UPDATE gauges__g1 SET note = CAST(x'ff41' AS TEXT) WHERE gauge = 'g009'")
    station.sql("UPDATE gauges__g1 SET gauge = x'00' WHERE gauge = 'g010'")
    found = station.found(station.check())
    assert {key: list(each.columns) for key, each in found.items() if each.kind == "changed"} == {
        **{key: [column] for key, (column, _) in wrong.items()},
        "g009": ["note"],
    }
    assert sorted(each.kind for each in found.values() if each.kind != "changed") == ["extra", "missing"]


def test_deleted_and_unprojected_keys_are_not_missing(station: Station) -> None:
    station.append(GaugeRemoved(gauge="g007"), Measured(gauge="nobody", value=1))
    station.move()
    assert station.check().verdict == "none"


def test_a_checkpoint_behind_the_log_is_no_drift(station: Station) -> None:
    head = station.events.head()
    station.append(GaugeSet(gauge="new", label="New"), *(Measured(gauge=f"g{n:03}", value=7) for n in range(30)))
    check = station.check()
    assert (check.verdict, check.position) == ("none", head)


def test_missing_rows_are_found_before_their_events_are_indexed(station: Station) -> None:
    station.keys.follow = lambda: False  # type: ignore[method-assign]
    station.sql("DELETE FROM gauges__g1 WHERE gauge = 'g013'")
    check = station.check()
    assert list(station.found(check)) == ["g013"]
    assert check.missing == 1


def test_a_check_comes_to_its_end_though_rows_are_added_as_fast_as_it_looks(station: Station) -> None:
    real, numbers = station.judge.rows, itertools.count()

    def grow(*args: Any) -> Any:
        station.append(*(GaugeSet(gauge=f"h{next(numbers):05}", label="New") for _ in range(10)))
        station.move()
        assert next(numbers) < 500, "it runs after rows that are added for ever"
        return real(*args)

    head, station.judge.rows = station.events.head(), grow  # type: ignore[method-assign]
    check = station.check()
    assert (check.verdict, check.checked, check.rows) == ("none", 30, 30)
    assert check.position == head
    assert station.coverage(1).verified_position == head


def test_parked_keys_are_known(database: Database) -> None:
    station = Station(database, Picky)
    station.populate()
    assert station.projections.status("gauges").parked == 4
    check = station.check()
    assert (check.verdict, check.known) == ("none", 4)


def test_skipped_events_are_known(database: Database) -> None:
    station = Station(database, Picky)
    station.populate()
    station.projections.skip_parked("gauges", "g013", reason="unlucky", actor="ana")
    assert station.projections.status("gauges").parked == 3
    check = station.check()
    assert (check.verdict, check.known) == ("none", 3)


def test_a_row_that_cannot_be_derived_is_inconclusive(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    station = Station(database, Moody)
    station.populate()
    monkeypatch.setattr(Moody, "unlucky", 13)
    check = station.check()
    assert (check.verdict, check.underived) == ("inconclusive", 4)
    assert check.reason == "The row of key g013 cannot be derived: ValueError: unlucky"


def test_handlers_that_depend_on_more_than_events_are_named_before_anything_is_compared(database: Database) -> None:
    station = Station(database, Unsteady)
    station.populate(3)
    check = station.check()
    assert check.verdict == "not_deterministic"
    assert check.reason is not None
    assert "3 rows" in check.reason
    assert not station.found(check)


def test_columns_that_are_ignored(database: Database) -> None:
    station = Station(database, Careless)
    station.populate()
    for column in ("note", "label", "small"):
        plant(station, column, "g003")
    (finding,) = station.found(station.check()).values()
    assert list(finding.columns) == ["small"]


def test_rows_made_by_other_code_are_inconclusive(station: Station) -> None:
    class Doubled(Gauges):
        @on(Measured, key="gauge")
        def measured(row: Any, event: Measured) -> None:
            row.count += 2

    station.projection = Doubled
    station.judge = station.new_judge()
    check = station.check()
    assert (check.verdict, check.changed) == ("inconclusive", 30)
    assert check.reason is not None
    assert "other code" in check.reason


def test_findings_are_capped_and_totals_are_exact(database: Database) -> None:
    station = Station(database, check_sizes=CheckSizes(chunk_keys=500))
    station.populate(MOST_FINDINGS + 50, readings=0)
    station.sql("UPDATE gauges__g1 SET note = 'x'")
    check = station.check()
    assert (check.changed, check.stored, len(station.found(check))) == (1_050, 1_000, 1_000)


def test_what_is_found_again_says_since_when_and_what_is_gone_is_resolved(station: Station) -> None:
    plant(station, "note", "g003")
    plant(station, "note", "g004")
    first = station.check()
    station.sql("UPDATE gauges__g1 SET note = NULL WHERE gauge = 'g004'")
    second = station.check()
    (again,) = station.found(second).values()
    before = station.found(first)
    assert (again.key, again.times_seen, again.first_seen_at) == ("g003", 2, before["g003"].first_seen_at)
    assert (before["g004"].resolved_by, before["g003"].resolved_by) == (second.id, None)


# -- going on after a crash


@pytest.mark.parametrize("chunks", [1, 3, 6, 8, 10])
def test_a_check_goes_on_where_another_worker_stopped(database: Database, chunks: int) -> None:
    ticks = iter(range(10_000_000))
    station = Station(database, monotonic=lambda: float(next(ticks)) * 0.3)
    station.populate()
    station.sql("DELETE FROM gauges__g1 WHERE gauge IN ('g001', 'g015', 'g029')")
    plant(station, "note", "g002")
    plant(station, "note", "g028")
    operation, judge, calls = station.ask(), station.judge, 0

    def stop_after(name: str) -> None:
        real = getattr(judge, name)

        def call(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > chunks:
                raise Killed
            return real(*args)

        setattr(judge, name, call)

    stop_after("rows")
    stop_after("without_row")
    try:
        station.work(operation)
    except Killed:
        station.sql("UPDATE operations SET lease_until = NULL")
        station.judge = station.new_judge()
        station.work(operation)
    check = station.checks.of_operation(operation.id)
    assert check is not None
    assert (check.verdict, check.missing, check.changed, check.checked) == ("drift", 3, 2, 30)
    assert sorted(station.found(check)) == ["g001", "g002", "g015", "g028", "g029"]
    assert check.stored == 5


def test_who_was_overtaken_lets_go(station: Station) -> None:
    mine = station.checks.begin("operation", "gauges", level="full", reference="log", origin=station.id_of(1).origin)
    station.checks.save(mine)
    with pytest.raises(OperationLost):
        station.checks.save(mine)


def test_a_check_that_is_cancelled_says_so(station: Station) -> None:
    operation = station.ask()
    real = station.judge.rows

    def cancel(*args: Any) -> Any:
        station.operations.cancel(operation.id, actor="ben")
        return real(*args)

    station.judge.rows = cancel  # type: ignore[method-assign]
    done = station.work(operation)
    assert done.state == "cancelled"
    check = station.checks.of_operation(operation.id)
    assert check is not None
    assert check.verdict == "inconclusive"


# -- while commands run; and detectors that are broken


def test_a_detector_that_reads_without_the_snapshot_finds_what_is_not_there(station: Station) -> None:
    assert station.check().verdict == "none"
    station.judge = station.new_judge(Torn(station))
    assert station.check().changed == 30


def test_a_detector_that_trusts_what_is_stored_finds_nothing(station: Station) -> None:
    plant(station, "note", "g003")
    derive = station.judge.deriver.derivation

    def from_cache(keys: Any, skips: Any, **options: Any) -> Any:
        derivation = derive(keys, skips, **options)
        rows = station.store.rows(Gauges.model, 1).load(keys).rows
        derivation.rows = dict(rows)
        derivation.advance = lambda until: None  # type: ignore[method-assign]
        return derivation

    station.judge.deriver.derivation = from_cache  # type: ignore[method-assign]
    assert station.check().verdict == "none"
    station.judge = station.new_judge()
    assert station.check().verdict == "drift"


def test_checks_while_commands_run_find_nothing(station: Station) -> None:
    checks = checks_meanwhile(station, station.check, 20)
    assert [(check.verdict, check.differing) for check in checks] == [("none", 0)] * 20
    assert len({check.position for check in checks}) > 5


def test_ignored_columns_must_exist() -> None:
    class Wrong(Projection):
        table = gauges
        ignore_columns = ("gauge", "nothing")

        @on(GaugeSet, key="gauge", creates=True)
        def set_up(row: Any, event: GaugeSet) -> None:
            pass

    assert len(faults_of(Wrong)) == 2


# -- what a check costs others


@pytest.mark.parametrize("dialect", ["sqlite"])  # there, whoever reads on keeps the file of unmerged pages growing
@pytest.mark.parametrize("held", [False, True])
def test_the_unmerged_pages_stay_few_while_a_check_goes_on(database: Database, held: bool) -> None:
    """Each chunk lets go of its snapshot. A check that held one until its end would not stay below this."""
    station = Station(database)
    station.populate()
    station.sql("CREATE TABLE ballast (data BLOB)")
    assert database.path is not None
    unmerged = database.path.with_name(database.path.name + "-wal")
    sizes, rows = list[int](), station.judge.rows

    def write_meanwhile(*args: Any) -> Any:
        for _ in range(4):
            station.sql("INSERT INTO ballast VALUES (zeroblob(2000000))")
        sizes.append(unmerged.stat().st_size)
        return rows(*args)

    station.judge.rows = write_meanwhile  # type: ignore[method-assign]
    if held:
        with database.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM gauges__g1")
            assert station.check().verdict == "none"
    else:
        assert station.check().verdict == "none"
    assert len(sizes) >= 3
    assert (max(sizes) > 20_000_000) == held
