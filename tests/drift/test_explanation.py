"""A row explained: the events that made it, what each changed, and whether what is stored agrees."""

from __future__ import annotations

import pytest

from cqrs.drift.explanation import Change, Explanation, Window, explain
from cqrs.errors import HistoryTooLong, NotFound
from cqrs.store.database import Database
from tests.drift.faulty import Picky
from tests.drift.gauges import GaugeRemoved, Measured, Station


def told(station: Station, key: str) -> Explanation:
    return explain(station.judge, station.store, station.keys, key, head=station.events.safe_head())


def test_each_event_and_what_it_changed(station: Station) -> None:
    found = told(station, "g002")
    assert [event.type for event in found.events] == ["GaugeSet"] + ["Measured"] * 4
    assert found.events[0].summary == "Gauge g002 was set up as Gauge 2"
    assert found.events[0].changes["label"] == Change(None, "Gauge 2")
    assert found.events[1].changes["count"] == Change(0, 1)
    assert found.events[2].changes["steady"] == Change(True, False)
    assert "label" not in found.events[1].changes
    assert found.equal is True
    assert found.stored == found.derived
    assert (found.position, found.later) == (station.events.head(), [])


def test_stored_against_derived(station: Station) -> None:
    station.sql("UPDATE gauges__g1 SET label = 'other' WHERE gauge = 'g002'")
    found = told(station, "g002")
    assert (found.equal, found.differing) == (False, ["label"])
    assert found.stored is not None
    assert found.derived is not None
    assert (found.stored["label"], found.derived["label"]) == ("other", "Gauge 2")


def test_events_to_come_are_named(station: Station) -> None:
    station.append(Measured(gauge="g002", value=9))
    found = told(station, "g002")
    assert found.later == [station.events.head()]
    assert found.equal is True


def test_a_row_that_is_gone_and_one_that_should_not_be(station: Station) -> None:
    station.append(GaugeRemoved(gauge="g002"))
    station.move()
    gone = told(station, "g002")
    assert (gone.stored, gone.derived, gone.equal) == (None, None, True)
    assert gone.events[-1].changes["label"] == Change("Gauge 2", None)
    station.sql("UPDATE gauges__g1 SET gauge = 'moved' WHERE gauge = 'g003'")
    assert (told(station, "moved").derived, told(station, "moved").equal) == (None, False)
    assert (told(station, "g003").stored, told(station, "g003").equal) == (None, False)


def test_more_events_than_anybody_waits_for_are_not_derived(station: Station) -> None:
    station.append(Measured(gauge="g002", value=9))
    head = station.events.safe_head()
    with pytest.raises(HistoryTooLong, match="has 5 events: more than 4 are not derived"):
        explain(station.judge, station.store, station.keys, "g002", head=head, most=4)
    assert explain(station.judge, station.store, station.keys, "g002", head=head, most=5).later == [head]


def test_a_key_that_never_was(station: Station) -> None:
    with pytest.raises(NotFound):
        told(station, "nobody")


def test_a_parked_key(database: Database) -> None:
    station = Station(database, Picky)
    station.populate()
    found = told(station, "g013")
    assert (found.parked, found.equal, found.error) == (True, None, "ValueError: unlucky")


def window(station: Station, key: str, **asked: int) -> Explanation:
    head = station.events.safe_head()
    return explain(station.judge, station.store, station.keys, key, head=head, window=Window(**asked))


def test_a_part_of_the_history_at_a_time(station: Station) -> None:
    every = [event.position for event in told(station, "g002").events]
    last = window(station, "g002", limit=2)
    assert [event.position for event in last.events] == every[3:]
    assert (last.earlier, last.following) == (3, 0)
    before = window(station, "g002", before=every[3], limit=2)
    assert [event.position for event in before.events] == every[1:3]
    assert (before.earlier, before.following) == (1, 2)
    first = window(station, "g002", after=0, limit=2)
    assert [event.position for event in first.events] == every[:2]
    assert (first.earlier, first.following) == (0, 3)
    behind = window(station, "g002", after=every[1], limit=2)
    assert [event.position for event in behind.events] == every[2:4]
    assert (behind.earlier, behind.following) == (2, 1)


def test_what_set_each_column_last_is_known_whatever_part_is_shown(station: Station) -> None:
    found = window(station, "g002", before=1, limit=1)
    assert found.events == []
    assert found.last_set == told(station, "g002").last_set
    assert found.last_set["label"][1] == "GaugeSet"
    assert found.last_set["count"] == (told(station, "g002").events[-1].position, "Measured")
