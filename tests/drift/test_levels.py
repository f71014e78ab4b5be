"""Each level finds what was planted, exactly as far as it looks, and says how far that was."""

from __future__ import annotations

from typing import Any

import pytest

from cqrs.drift.bench import CheckSizes
from cqrs.drift.check import Check
from cqrs.errors import OperationLost
from cqrs.readmodels import snapshots
from cqrs.readmodels.foreign_writes import ForeignWrites
from cqrs.readmodels.snapshots import Snapshot
from cqrs.store.database import Database
from tests.drift.faulty import Picky, Torn, Unsteady, plant
from tests.drift.gauges import GaugeRemoved, Gauges, GaugeSet, Measured, Station
from tests.drift.interruptions import Killed, checks_meanwhile, die_at_save

LEVELS = ("full", "incremental", "rolling", "sample")


def a_pass(station: Station) -> list[Check]:
    """Rolling checks up to the end of a pass."""
    checks = [station.check("rolling")]
    while station.coverage(1).pass_finished_at is None:
        checks.append(station.check("rolling"))
        assert len(checks) < 100
    return checks


def plant_one_of_each(station: Station) -> dict[str, str]:
    plant(station, "note", "g003")
    station.sql("DELETE FROM gauges__g1 WHERE gauge = 'g015'")
    station.sql("UPDATE gauges__g1 SET gauge = 'zz' WHERE gauge = 'g029'")
    return {"g003": "changed", "g015": "missing", "g029": "missing", "zz": "extra"}


# -- rolling


def test_a_pass_of_rolling_checks_finds_everything_in_turn(station: Station) -> None:
    planted, found = plant_one_of_each(station), dict[str, str]()
    checks = a_pass(station)
    for check in checks:
        new = {key: each.kind for key, each in station.found(check).items()}
        assert not found.keys() & new.keys()
        assert (check.verdict == "drift") == bool(new)
        found |= new
    assert found == planted
    assert len(checks) > 5
    assert sum(check.checked for check in checks) == 29 + 2
    assert checks[0].rows == 29
    assert checks[0].method == "Rows 1 to 7 of 29, in key order: part of pass 1."


def test_a_rolling_check_looks_no_further_than_its_chunk(station: Station) -> None:
    plant(station, "note", "g012")
    first, second = station.check("rolling"), station.check("rolling")
    assert (first.verdict, first.checked, second.verdict, second.checked) == ("none", 7, "drift", 7)
    assert list(station.found(second)) == ["g012"]


def test_with_more_time_a_rolling_check_goes_on(database: Database) -> None:
    ticks = iter(range(10_000))
    station = Station(
        database, check_sizes=CheckSizes(chunk_keys=7, rolling_seconds=60.0), monotonic=lambda: float(next(ticks))
    )
    station.populate()
    assert station.check("rolling").checked > 7


def test_a_row_put_right_is_resolved_by_the_rolling_check_that_sees_it(station: Station) -> None:
    plant(station, "note", "g003")
    station.sql("DELETE FROM gauges__g1 WHERE gauge = 'g015'")
    first = station.check()
    station.sql("UPDATE gauges__g1 SET note = NULL WHERE gauge = 'g003'")
    rolling = station.check("rolling")
    resolved = {key: each.resolved_by for key, each in station.found(first).items()}
    assert resolved == {"g003": rolling.id, "g015": None}


@pytest.mark.parametrize("stop_at", range(1, 9))
def test_a_rolling_check_that_died_leaves_nothing_out(database: Database, stop_at: int) -> None:
    station = Station(database, check_sizes=CheckSizes(chunk_keys=4, rolling_seconds=1e9))
    station.populate()
    planted = plant_one_of_each(station)
    operation, judge = station.ask(level="rolling"), station.judge
    die_at_save(station.checks, stop_at)
    try:
        station.work(operation)
    except Killed:
        station.sql("UPDATE operations SET lease_until = NULL")
        station.judge = station.new_judge(judge.snapshots)
        station.work(operation)
    check = station.checks.of_operation(operation.id)
    assert check is not None
    assert {key: each.kind for key, each in station.found(check).items()} == planted
    assert (check.verdict, check.checked, check.stored) == ("drift", 29 + 2, 4)
    assert station.coverage(1).pass_finished_at is not None


# -- coverage


def test_coverage_is_unknown_before_anything_was_looked_at(station: Station) -> None:
    found = station.coverage(1)
    assert (found.oldest_at, found.whole_at, found.verified_position, found.pass_share) == (None, None, None, None)


def test_coverage_of_a_full_check(station: Station) -> None:
    check = station.check()
    found = station.coverage(1)
    assert (found.oldest_at, found.whole_at, found.whole_check) == (check.started_at, check.started_at, check.id)
    assert found.verified_position == station.events.head()
    assert station.coverage(2).oldest_at is None


def test_coverage_of_rolling_passes(station: Station) -> None:
    begun = station.check("rolling")
    found = station.coverage(1)
    assert (found.pass_number, found.pass_seen, found.pass_rows) == (1, 7, 30)
    assert found.pass_share == pytest.approx(7 / 30)
    assert found.read_at is not None
    assert found.pass_started_at is not None
    assert found.pass_seconds == pytest.approx((found.read_at - found.pass_started_at).total_seconds() * 30 / 7)
    assert found.oldest_at is None
    first = [begun, *a_pass(station)]
    found = station.coverage(1)
    assert (found.pass_share, found.oldest_at) == (1.0, begun.started_at)
    station.check("rolling")
    assert station.coverage(1).oldest_at == first[1].started_at
    second = a_pass(station)
    found = station.coverage(1)
    assert found.pass_number == 2
    assert found.oldest_at is not None
    assert first[-1].started_at < found.oldest_at < second[-1].started_at
    assert station.sql("SELECT count(*) FROM coverage_marks WHERE pass_number = 1") == [(0,)]


def test_the_oldest_row_is_the_next_one_in_turn(station: Station) -> None:
    first = a_pass(station)
    moments = []
    for _ in range(3):
        station.check("rolling")
        moments.append(station.coverage(1).oldest_at)
    assert moments == [each.started_at for each in first[1:4]]


def test_a_full_check_makes_the_oldest_row_younger(station: Station) -> None:
    a_pass(station)
    check = station.check()
    assert station.coverage(1).oldest_at == check.started_at


def test_a_new_generation_has_not_been_looked_at(station: Station) -> None:
    a_pass(station)
    station.check()
    with station.database.write() as connection:
        station.coverages.verify(connection, "gauges", station.id_of(2), 0)
    found = station.coverage(2)
    assert (found.pass_number, found.oldest_at, found.whole_at) == (None, None, None)


# -- sample


def test_a_sample_of_few_rows_is_of_all(database: Database) -> None:
    station = Station(database, check_sizes=CheckSizes(chunk_keys=7, sample_rows=30))
    station.populate()
    planted = plant_one_of_each(station)
    check = station.check("sample")
    assert {key: each.kind for key, each in station.found(check).items()} == planted
    assert check.estimate is not None
    assert (check.estimate.rows, check.estimate.sampled, check.estimate.differing) == (29, 29, 2)
    assert (check.estimate.low, check.estimate.high) == (2, 2)
    assert check.method is not None
    assert check.method.startswith("All rows")
    assert station.coverage(1).oldest_at == check.started_at


def test_a_sample_says_how_many_of_how_many_and_what_that_tells(station: Station) -> None:
    station.sql("UPDATE gauges__g1 SET note = 'x'")
    check = station.check("sample")
    found = station.found(check)
    assert (check.rows, check.changed, len(found), check.checked) == (30, 20, 20, 20)
    assert check.method == "20 of 30 rows at random, and keys without a row among 20 random events."
    assert check.estimate is not None
    assert (check.estimate.expected, check.estimate.low, check.estimate.high) == (30, 27, 30)
    assert station.coverage(1).oldest_at is None


def test_samples_differ_and_look_at_every_row_in_the_end(station: Station) -> None:
    station.sql("UPDATE gauges__g1 SET note = 'x'")
    seen: set[str] = set()
    for _ in range(12):
        seen |= station.found(station.check("sample")).keys()
    assert len(seen) > 25


def test_a_sample_meets_missing_rows_by_their_events(database: Database) -> None:
    station = Station(database, check_sizes=CheckSizes(sample_rows=20))
    station.populate(40, readings=0)
    station.sql("DELETE FROM gauges__g1 WHERE gauge > 'g021'")
    check = station.check("sample")
    assert (check.changed, check.extra) == (0, 0)
    assert check.missing > 0
    assert set(station.found(check)) <= {f"g{n:03}" for n in range(22, 40)}


def test_rows_far_apart_are_sampled_too(station: Station) -> None:
    station.sql("DELETE FROM gauges__g1")
    assert station.snapshots.random(Gauges.model, 5).rows == []
    station.move()
    station.check()


# -- incremental


def test_the_first_incremental_check_looks_at_all_rows(station: Station) -> None:
    planted = plant_one_of_each(station)
    check = station.check("incremental")
    assert {key: each.kind for key, each in station.found(check).items()} == planted
    assert check.method == "All rows: generation 1 was never looked at as a whole before."
    assert station.coverage(1).verified_position == station.events.head()


def test_after_that_it_looks_at_what_somebody_else_wrote(station: Station) -> None:
    station.check()
    assert station.check("incremental").checked == 0
    planted = plant_one_of_each(station)
    check = station.check("incremental")
    assert {key: each.kind for key, each in station.found(check).items()} == planted
    assert (check.checked, check.verdict) == (4, "drift")
    assert check.method == (
        f"0 keys of events since position {station.events.head()}, 4 that somebody else wrote, 0 that differed before."
    )


def test_and_at_keys_that_events_have_touched(station: Station) -> None:
    station.check()
    head = station.events.head()
    station.append(Measured(gauge="g004", value=1), GaugeSet(gauge="new", label="New"), GaugeRemoved(gauge="g009"))
    station.move()
    with_triggers_off = "UPDATE gauges__g1 SET note = 'x', _pos = _pos + 1000 WHERE gauge IN ('g004', 'g011')"
    station.sql(with_triggers_off)
    check = station.check("incremental")
    assert list(station.found(check)) == ["g004"]
    assert check.checked == 3
    assert station.coverage(1).verified_position == head + 3


def test_what_differed_before_is_looked_at_until_it_is_right(station: Station) -> None:
    station.check()
    plant(station, "note", "g003")
    first, second = station.check("incremental"), station.check("incremental")
    assert [list(station.found(each)) for each in (first, second)] == [["g003"], ["g003"]]
    assert station.found(second)["g003"].times_seen == 2
    station.sql("UPDATE gauges__g1 SET note = NULL, _pos = _pos + 1 WHERE gauge = 'g003'")
    third = station.check("incremental")
    assert third.verdict == "none"
    assert station.found(second)["g003"].resolved_by == third.id
    assert station.check("incremental").checked == 0


def test_too_many_touched_keys_are_said_and_all_rows_looked_at(database: Database) -> None:
    station = Station(database, check_sizes=CheckSizes(chunk_keys=7, touched_keys=5))
    station.populate()
    station.check()
    station.append(*(Measured(gauge=f"g{n:03}", value=1) for n in range(6)))
    station.move()
    station.sql("UPDATE gauges__g1 SET note = 'x', _pos = _pos + 1000 WHERE gauge = 'g025'")
    check = station.check("incremental")
    assert check.method is not None
    assert check.method.startswith("All rows: too many keys were touched")
    assert list(station.found(check)) == ["g025"]
    station.sql("UPDATE gauges__g1 SET note = 'y'")
    check = station.check("incremental")
    assert check.method == "All rows: somebody else wrote more rows than can be looked at one by one."
    assert check.changed == 30


def test_a_foreign_write_is_not_forgotten_by_a_check_that_comes_to_no_end(station: Station) -> None:
    station.check()
    plant(station, "note", "g003")
    operation, real = station.ask(level="incremental"), station.keys.touched_keys

    def cancel(*args: Any, **options: Any) -> Any:
        station.operations.cancel(operation.id, actor="ben")
        return real(*args, **options)

    station.keys.touched_keys = cancel  # type: ignore[method-assign]
    assert station.work(operation).state == "cancelled"
    station.keys.touched_keys = real  # type: ignore[method-assign]
    assert list(station.found(station.check("incremental"))) == ["g003"]


def test_foreign_writes_are_each_for_one_check(station: Station) -> None:
    foreign = ForeignWrites(station.database)
    plant(station, "note", "g003")
    foreign.claim("gauges", 1, "one")
    plant(station, "note", "g004")
    foreign.claim("gauges", 1, "two")
    assert (foreign.keys("gauges", 1, "one", 9), foreign.keys("gauges", 1, "two", 9)) == (["g003"], ["g004"])
    foreign.give_back("one")
    foreign.claim("gauges", 1, "three")
    assert foreign.keys("gauges", 1, "three", 9) == ["g003"]


# -- all of them


@pytest.mark.parametrize("level", LEVELS)
def test_a_clean_model_has_no_findings_at_any_level(station: Station, level: str) -> None:
    for _ in range(3):
        check = station.check(level)
        assert (check.verdict, check.reason, check.differing) == ("none", None, 0)
        assert (check.level, check.position) == (level, station.events.head())
        assert check.method
        assert check.rows == 30


@pytest.mark.parametrize("level", LEVELS)
def test_parked_keys_are_known_at_any_level(database: Database, level: str) -> None:
    station = Station(database, Picky)
    station.populate()
    station.projections.skip_parked("gauges", "g013", reason="unlucky", actor="ana")
    checks = [station.check(level) for _ in range(8)]
    assert {check.verdict for check in checks} == {"none"}
    if level in ("full", "rolling", "sample"):
        assert any(check.known for check in checks)


@pytest.mark.parametrize("level", LEVELS)
def test_handlers_that_depend_on_more_than_events_are_named_at_any_level(database: Database, level: str) -> None:
    station = Station(database, Unsteady)
    station.populate(25)
    check = station.check(level)
    assert check.verdict == "not_deterministic"
    assert not station.found(check)


@pytest.mark.parametrize("level", ["full", "rolling"])
def test_a_detector_without_snapshots_finds_what_is_not_there(station: Station, level: str) -> None:
    station.judge = station.new_judge(Torn(station))
    assert station.check(level).changed > 0


class TornSample(Torn):
    def random(self, model: Any, size: int) -> Snapshot:
        rows = super().random(model, size)
        return Snapshot(self.chunk(model, None, 1).live, rows.parked, rows.rows)

    def of_keys(self, model: Any, keys: Any) -> Snapshot:
        rows = super().of_keys(model, keys)
        return Snapshot(self.chunk(model, None, 1).live, rows.parked, rows.rows) if keys else rows


@pytest.mark.parametrize("level", ["incremental", "sample"])
def test_nor_do_those_who_look_at_some_keys_do_without(station: Station, level: str) -> None:
    station.check()
    station.append(Measured(gauge="g004", value=1))
    station.move()
    station.judge = station.new_judge(TornSample(station))
    assert station.check(level).changed > 0


@pytest.mark.parametrize("level", ["incremental", "rolling", "sample"])
def test_checks_of_any_level_find_nothing_while_commands_run(station: Station, level: str) -> None:
    checks = checks_meanwhile(station, lambda: station.check(level), 20)
    assert [(check.verdict, check.differing) for check in checks] == [("none", 0)] * 20
    assert len({check.position for check in checks}) > 5


def test_who_was_overtaken_moves_no_pass(station: Station) -> None:
    mine = station.checks.begin("operation", "gauges", level="rolling", reference="log", origin=station.id_of(1).origin)
    station.checks.save(mine)
    before = station.coverage(1)
    with pytest.raises(OperationLost):
        station.checks.save(
            mine, also=lambda connection: station.coverages.verify(connection, "gauges", station.id_of(1), 9)
        )
    assert station.coverage(1) == before


@pytest.mark.parametrize("at_once", [1, 7, 10, 30, 100])
def test_rows_are_counted_some_at_a_time(station: Station, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(snapshots, "COUNTED_AT_ONCE", at_once)
    assert [station.snapshots.count(station.judge.model, most) for most in (0, 9, 30, 31, 1_000)] == [0, 9, 30, 30, 30]
