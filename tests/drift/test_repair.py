"""A repair puts the rows it is asked for right, whatever goes on meanwhile, and touches nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from cqrs.drift.repair import Repair
from cqrs.drift.repair_preview import preview
from cqrs.errors import PreviewTooLong, RepairRefused
from cqrs.readmodels.row_repairs import RowRepairs
from cqrs.store.database import Database
from cqrs.workers.operation import Operation
from tests.drift.faulty import Picky, Unsteady
from tests.drift.gauges import GaugeRemoved, GaugeSet, Measured, Station
from tests.drift.interruptions import meanwhile
from tests.waiting import wait_until


class Workshop:
    def __init__(self, station: Station) -> None:
        self.station = station
        self.notes: list[tuple[str, str, str | None, Mapping[str, Any]]] = []
        self.repairs = RowRepairs(station.database, 15.0)

    def repair(self, **parameters: Any) -> Operation:
        return self._work(self.station.ask("repair", **parameters))

    def go_on(self) -> Operation:
        """What a worker was at that is no more."""
        self.station.sql("UPDATE operations SET lease_until = NULL WHERE finished_at IS NULL")
        (left,) = self.station.operations.page(kind="repair", limit=1)
        return self._work(left)

    def _work(self, operation: Operation) -> Operation:
        station = self.station
        handler = Repair(
            station.checks,
            lambda name: station.judge,
            self.repairs,
            station.store,
            lambda _, *note: self.notes.append(note),
        )
        return station.work(operation, {"repair": handler})


@pytest.fixture
def workshop(station: Station) -> Workshop:
    return Workshop(station)


def vandalise(station: Station) -> None:
    station.sql("DELETE FROM gauges__g1 WHERE gauge = 'g001'")
    station.sql("UPDATE gauges__g1 SET label = 'other', note = 'x' WHERE gauge = 'g002'")
    station.sql("UPDATE gauges__g1 SET gauge = 'moved' WHERE gauge = 'g003'")


def test_what_a_check_found_is_put_right_and_the_rest_is_left_alone(station: Station, workshop: Workshop) -> None:
    before = station.rows()
    vandalise(station)
    check = station.check()
    assert check.differing == 4
    done = workshop.repair(check=check.id)
    assert done.state == "succeeded", done.errors
    assert station.rows() == before
    assert done.result is not None
    after = station.checks.get(str(done.result["check"]).removeprefix("/api/checks/"))
    assert (done.result["repaired"], after.verdict, after.level, after.checked) == (4, "none", "keys", 4)
    assert station.check().verdict == "none"
    assert {each.resolved_by for each in station.found(check).values()} == {done.id}


def test_the_audit_tells_before_and_after(station: Station, workshop: Workshop) -> None:
    vandalise(station)
    workshop.repair(keys=["g001", "g002", "moved", "g004"])
    ((actor, name, _, detail),) = workshop.notes
    assert (actor, name) == ("ana", "gauges")
    rows = {row["key"]: row for row in detail["rows"]}
    assert rows["g002"]["before"] == {"label": "other", "note": "x"}
    assert rows["g002"]["after"] == {"label": "Gauge 2", "note": None}
    assert rows["g001"]["before"] is None
    assert rows["moved"]["after"] is None
    assert "g004" not in rows


def test_our_own_writes_are_not_foreign_and_those_undone_are_forgotten(station: Station, workshop: Workshop) -> None:
    vandalise(station)
    assert station.sql("SELECT count(*) FROM foreign_writes") == [(4,)]
    workshop.repair(keys=["g001", "g002"])
    assert {key for (key,) in station.sql("SELECT key FROM foreign_writes")} == {"g003", "moved"}
    workshop.repair(keys=["g003", "moved"])
    assert station.sql("SELECT count(*) FROM foreign_writes") == [(0,)]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("written", [False, True], ids=["before its rows are written", "before it is told"])
def test_a_repair_that_is_taken_up_tells_each_row_once(station: Station, workshop: Workshop, written: bool) -> None:
    before, real = station.rows(), workshop.repairs.rewrite
    vandalise(station)
    check = station.check()

    def die(*args: Any) -> None:
        if written:
            real(*args)
        raise Killed

    workshop.repairs.rewrite = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        workshop.repair(check=check.id)
    assert workshop.notes == []
    workshop.repairs.rewrite = real  # type: ignore[method-assign]
    done = workshop.go_on()
    assert (done.state, station.rows()) == ("succeeded", before)
    assert done.result is not None
    assert done.result["repaired"] == 4
    ((_, _, _, detail),) = workshop.notes
    told = {row["key"]: (row["before"], row["after"]) for row in detail["rows"]}
    assert told["g002"] == ({"label": "other", "note": "x"}, {"label": "Gauge 2", "note": None})
    assert told.keys() == {"g001", "g002", "g003", "moved"}


def test_repairing_again_changes_nothing(station: Station, workshop: Workshop) -> None:
    vandalise(station)
    workshop.repair(keys=["g001"])
    done = workshop.repair(keys=["g001"])
    assert done.result is not None
    assert done.result["repaired"] == 0
    assert len(workshop.notes) == 1


def test_many_keys_are_better_replayed(station: Station, workshop: Workshop) -> None:
    few, many = workshop.repair(keys=["g001"]), workshop.repair(keys=["g001", "g002", "g003", "g004"])
    assert few.result is not None
    assert many.result is not None
    assert few.result["recommendation"] is None
    assert "replay" in many.result["recommendation"]


def test_parked_keys_are_left_as_they_are(database: Database) -> None:
    station = Station(database, Picky)
    station.populate()
    before = station.rows()
    done = Workshop(station).repair(keys=["g013", "g001"])
    assert (done.state, station.rows()) == ("succeeded", before)


def test_rows_that_would_come_out_otherwise_each_time_are_not_repaired(database: Database) -> None:
    station = Station(database, Unsteady)
    station.populate(3)
    done = Workshop(station).repair(keys=["g001"])
    assert done.state == "failed"
    assert "cannot be repaired" in done.errors[-1]


def test_events_that_come_before_the_checkpoint_is_held_are_in_the_row(station: Station, workshop: Workshop) -> None:
    vandalise(station)
    real = workshop.repairs.rewrite

    def late(*args: Any) -> None:
        station.append(Measured(gauge="g001", value=50), Measured(gauge="g002", value=60))
        station.move()
        real(*args)

    workshop.repairs.rewrite = late  # type: ignore[method-assign]
    workshop.repair(keys=["g001", "g002", "g003", "moved"])
    assert station.sql("SELECT gauge, count FROM gauges WHERE gauge IN ('g001', 'g002') ORDER BY 1") == [
        ("g001", 5),
        ("g002", 5),
    ]
    assert station.check().verdict == "none"


def test_a_paused_projection_can_be_repaired(station: Station, workshop: Workshop) -> None:
    vandalise(station)
    station.projections.pause("gauges", actor="ana")
    assert workshop.repair(keys=["g001", "g002", "g003", "moved"]).state == "succeeded"
    assert station.check().verdict == "none"


def test_repairs_under_load(station: Station, workshop: Workshop) -> None:
    def command(n: int) -> None:
        key = f"g{n % 30:03}"
        station.append(Measured(gauge=key, value=n))
        if n % 50 == 0:
            station.append(GaugeRemoved(gauge=key), GaugeSet(gauge=key, label=f"Label {n}"))

    with meanwhile(command, lambda n: station.move()) as errors:
        for turn in range(5):
            station.sql("UPDATE gauges__g1 SET note = ? WHERE gauge IN ('g001', 'g011')", f"turn {turn}")
            station.sql("UPDATE gauges__g1 SET count = count + 100 WHERE gauge = 'g021'")
            head = station.events.head()
            wait_until(lambda head=head: station.events.head() > head + 5 or bool(errors))
            assert workshop.repair(keys=["g001", "g011", "g021"]).state == "succeeded"
    station.move()
    assert errors == []
    assert station.check().verdict == "none"


def test_a_preview_tells_what_a_repair_would_write_and_writes_nothing(station: Station, workshop: Workshop) -> None:
    vandalise(station)
    spoiled = station.rows()
    seen = preview(station.judge, station.store, ["g001", "g002", "moved", "g004"])
    assert station.rows() == spoiled
    rows = {row.key: row for row in seen.rows}
    assert rows.keys() == {"g001", "g002", "moved"}
    assert (rows["g002"].before, rows["g002"].after) == (
        {"label": "other", "note": "x"},
        {"label": "Gauge 2", "note": None},
    )
    assert rows["g001"].before is None
    assert rows["moved"].after is None
    assert (seen.right, seen.parked, seen.underived, seen.no_keys) == (1, 0, 0, 0)
    assert (seen.position, seen.events) == (station.events.head(), 15)
    workshop.repair(keys=["g001", "g002", "moved", "g004"])
    ((_, _, _, detail),) = workshop.notes
    assert [dict(row) for row in detail["rows"]] == [dataclasses.asdict(row) for row in seen.rows]


@pytest.mark.parametrize("indexed", [True, False])
def test_too_many_events_are_not_previewed_but_repaired(station: Station, workshop: Workshop, indexed: bool) -> None:
    """Each gauge has five."""
    vandalise(station)
    while indexed and station.keys.follow():
        pass
    head = station.events.head()
    with pytest.raises(PreviewTooLong, match="3 keys of gauges that were asked for have more than 14 events"):
        preview(station.judge, station.store, ["g001", "g002", "g004"], most=14)
    seen = preview(station.judge, station.store, ["g001", "g002", "g004"], most=15 if indexed else head)
    assert {row.key for row in seen.rows} == {"g001", "g002"}
    assert workshop.repair(keys=["g001", "g002", "g004"]).state == "succeeded"
    assert station.rows()["g002"][1] == "Gauge 2"


def test_a_preview_refuses_what_a_repair_refuses(database: Database) -> None:
    station = Station(database, Unsteady)
    station.populate(5)
    with pytest.raises(RepairRefused):
        preview(station.judge, station.store, ["g001"])
