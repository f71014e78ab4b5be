"""What stands of all that checks found: each row once, of the generation readers see, until somebody puts it right."""

from __future__ import annotations

from cqrs.drift.repair import Repair
from cqrs.drift.standing import StandingDrift
from cqrs.drift.tally import Tally
from cqrs.projections.drift_known import NOTHING_KNOWN, DriftKnown
from cqrs.readmodels.row_repairs import RowRepairs
from tests.drift.gauges import Station


def known(station: Station, generation: int = 1) -> DriftKnown:
    return StandingDrift(station.database).read({station.name: station.id_of(generation)})[station.name]


def spoil(station: Station, *gauges: str) -> None:
    for gauge in gauges:
        station.sql("UPDATE gauges__g1 SET label = 'other' WHERE gauge = ?", gauge)


def repair(station: Station, *keys: str) -> None:
    handler = Repair(
        station.checks, lambda name: station.judge, RowRepairs(station.database, 15.0), station.store, lambda *_: None
    )
    done = station.work(station.ask("repair", keys=list(keys)), {"repair": handler})
    assert done.state == "succeeded", done.errors


def test_nothing_is_known_of_what_was_never_checked(station: Station) -> None:
    assert known(station) == NOTHING_KNOWN
    assert StandingDrift(station.database).read({}) == {}


def test_a_clean_check_is_the_last_one(station: Station) -> None:
    check = station.check()
    found = known(station)
    assert found.last_check is not None
    assert (found.last_check.id, found.last_check.verdict, found.last_check.level) == (check.id, "none", "full")
    assert (found.last_check.checked, found.last_check.differing, found.last_check.at) == (30, 0, check.finished_at)
    assert (found.standing, found.found_by) == (0, None)


def test_a_row_that_was_found_twice_counts_once_and_leads_to_the_newest_check(station: Station) -> None:
    spoil(station, "g001", "g002")
    station.check()
    second = station.check()
    found = known(station)
    assert (found.standing, found.capped, found.found_by) == (2, False, second.id)


def test_rows_that_were_put_right_stand_no_more_and_the_repair_is_not_the_last_check(station: Station) -> None:
    spoil(station, "g001", "g002", "g003")
    check = station.check()
    repair(station, "g001", "g002")
    found = known(station)
    assert found.standing == 1
    assert found.last_check is not None
    assert (found.last_check.id, found.last_check.differing) == (check.id, 3)
    repair(station, "g003")
    assert known(station).standing == 0


def test_a_check_that_goes_on_is_not_the_last_one_yet(station: Station) -> None:
    done = station.check()
    station.checks.begin("another", station.name, level="full", reference="log", origin=station.id_of(1).origin)
    last = known(station).last_check
    assert last is not None
    assert last.id == done.id


def test_what_was_found_in_another_generation_says_nothing_of_this_one(station: Station) -> None:
    spoil(station, "g001")
    station.check()
    assert known(station, 2).standing == 0
    assert known(station, 1).standing == 1


def test_what_was_known_of_a_database_that_was_lost_says_nothing_of_the_one_in_its_place(station: Station) -> None:
    """Where generations are counted from 1 again."""
    spoil(station, "g001")
    check = station.check()
    assert (known(station).standing, station.coverage().whole_check) == (1, check.id)
    station.sql("UPDATE generations SET origin = 'another'")
    assert known(station) == NOTHING_KNOWN
    assert (station.coverage().whole_at, station.coverage().verified_position) == (None, None)
    incremental = station.check("incremental")
    assert (incremental.method or "").startswith("All rows: generation 1 was never looked at as a whole before.")
    assert (known(station).standing, station.coverage().whole_check) == (1, incremental.id)


def test_a_check_that_goes_on_in_another_database_comes_to_no_verdict(station: Station) -> None:
    tally = Tally(
        station.checks,
        station.checks.begin("it", station.name, level="full", reference="log", origin=station.id_of(1).origin),
        None,
    )
    tally.take(station.judge.judged(station.judge.live()))
    station.sql("UPDATE generations SET origin = 'another'")
    tally.take(station.judge.judged(station.judge.live()))
    assert tally.finish().verdict == "inconclusive"


def test_each_projection_has_its_own(station: Station) -> None:
    spoil(station, "g001")
    station.check()
    found = StandingDrift(station.database).read({"others": station.id_of(1), station.name: station.id_of(1)})
    assert found["others"] == NOTHING_KNOWN
    assert found[station.name].standing == 1
