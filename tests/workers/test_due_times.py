"""Due times: a function of the row and the zone, through the nights on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs.workers.due_times import ANCHOR, Timing

MINUTES = timedelta(minutes=1)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("after", "due"), [(0, 0), (9, 0), (10, 10), (35, 30)])
def test_an_interval_is_counted_from_the_anchor(after: int, due: int) -> None:
    timing = Timing(every=10 * MINUTES)
    assert timing.latest_due(ANCHOR + after * MINUTES) == ANCHOR + due * MINUTES
    assert timing.next_due(ANCHOR + after * MINUTES) == ANCHOR + (due + 10) * MINUTES


def test_before_its_anchor_nothing_is_due() -> None:
    timing = Timing(every=10 * MINUTES, anchor=moment("2030-01-01T00:07"))
    assert timing.latest_due(moment("2029-12-31T23:00")) is None
    assert timing.next_due(moment("2029-12-31T23:00")) == timing.anchor


@pytest.mark.parametrize(
    ("cron", "start", "due"),
    [
        # Put forward on 29 March at 01:00 UTC, from 02:00 to 03:00; put back on 25 October at 01:00 UTC.
        ("30 2 * * *", "2026-03-28T12:00", ["03-29 01:00", "03-30 00:30"]),
        ("*/20 2 * * *", "2026-03-28T12:00", ["03-29 01:00", "03-30 00:00"]),
        ("0 2,3 * * *", "2026-03-28T12:00", ["03-29 01:00", "03-30 00:00"]),
        ("30 * * * *", "2026-03-28T23:00", ["03-28 23:30", "03-29 00:30", "03-29 01:30"]),
        ("30 2 * * *", "2026-10-24T12:00", ["10-25 00:30", "10-26 01:30"]),
        ("0 * * * *", "2026-10-24T23:30", ["10-25 00:00", "10-25 01:00", "10-25 02:00"]),
        ("0 3 * * *", "2026-10-24T12:00", ["10-25 02:00", "10-26 02:00"]),
    ],
)
def test_the_clocks_change_in_berlin(cron: str, start: str, due: list[str]) -> None:
    timing = Timing(cron=cron, zone="Europe/Berlin")
    assert [f"{each:%m-%d %H:%M}" for each in timing.following(moment(start), len(due))] == due


def test_a_midnight_that_does_not_happen_is_due_the_moment_after() -> None:
    timing = Timing(cron="0 0 * * *", zone="America/Sao_Paulo")
    assert timing.following(moment("2018-11-03T12:00"), 2) == [moment("2018-11-04T03:00"), moment("2018-11-05T02:00")]


def test_a_rare_day_is_found_in_both_directions() -> None:
    timing = Timing(cron="0 0 29 2 *")
    assert timing.latest_due(moment("2103-06-01T00:00")) == moment("2096-02-29T00:00")
    assert timing.next_due(moment("2097-06-01T00:00")) == moment("2104-02-29T00:00")


CRONS = ("30 2 * * *", "*/20 2 * * *", "0 * * * *", "*/15 * * * *", "5 1-4/2 * * 0", "0 3 25,29 * *", "59 23 * 3,10 *")
ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "America/New_York")


@given(
    cron=st.sampled_from(CRONS),
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2010, 1, 1), datetime(2027, 1, 1)),
    later=st.timedeltas(timedelta(0), timedelta(hours=30)),
)
def test_due_times_do_not_depend_on_when_they_are_asked_for(
    cron: str, zone: str, start: datetime, later: timedelta
) -> None:
    timing = Timing(cron=cron, zone=zone)
    first = start.replace(tzinfo=UTC)
    now = first + later
    due = timing.next_due(first)
    assert due is not None
    assert due > first
    following = timing.next_due(now)
    assert following == due if due > now else following is not None and following > now
    latest = timing.latest_due(now)
    assert latest is not None
    assert latest <= now
    assert due > now or latest >= due
    assert timing.next_due(latest - timedelta(microseconds=1)) == latest
    assert timing.next_due(latest) == following
