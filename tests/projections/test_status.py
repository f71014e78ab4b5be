"""One word and three honest numbers; the worst word that applies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cqrs.projections.projection import Projection, on
from cqrs.projections.projections import Projections
from cqrs.projections.status import State
from tests.projections.conftest import Desk, DeskFactory
from tests.projections.library import TYPES, MemberJoined, Members, ShelfPainted, append, borrowed, joined, recorded

SETTERS = {
    State.FAILED: "failure = '{\"position\":1,\"event_type\":\"\",\"key\":null,\"error\":\"\",\"traceback\":null,"
    "\"at\":\"2026-01-01T00:00:00Z\"}'",
    State.PAUSED: "paused_at = '2026-01-01T00:00:00.000000Z'",
    State.STALLED: "advanced_at = '2026-01-01T00:00:00.000000Z', position = 0",
}  # fmt: skip


def state(desk: Desk) -> State:
    return desk.projections.status("members").state


def test_unknown_before_anyone_worked_and_after_nobody_has_for_long(desk: Desk) -> None:
    assert state(desk) is State.UNKNOWN
    desk.projections.catch_up()
    assert state(desk) is State.RUNNING
    silent_for(desk, 46)
    assert state(desk) is State.UNKNOWN
    assert desk.projections.status("members").heartbeat_seconds == pytest.approx(46, abs=5)


def silent_for(desk: Desk, seconds: int) -> None:
    desk.sql(f"UPDATE generations SET heartbeat_at = strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-{seconds} seconds')")


def test_the_worst_word_wins(desk: Desk) -> None:
    """Each is added to those before it, from the least to the worst."""
    old = datetime.now(UTC) - timedelta(hours=1)
    append(desk.events, recorded(joined("m1"), at=old))
    desk.projections.catch_up()
    desk.projections.create_generation("members")
    assert state(desk) is State.REPLAYING
    for worse in (State.STALLED, State.PAUSED, State.FAILED):
        desk.sql(f"UPDATE generations SET {SETTERS[worse]} WHERE generation = 1")
        assert state(desk) is worse
    silent_for(desk, 1000)
    assert state(desk) is State.UNKNOWN


def test_catching_up_means_more_than_one_batch(desk: Desk) -> None:
    desk.projections.catch_up()
    append(desk.events, *[ShelfPainted(colour="red")] * 1000)
    assert state(desk) is State.RUNNING
    append(desk.events, ShelfPainted(colour="red"))
    assert state(desk) is State.CATCHING_UP


def test_a_new_event_after_a_quiet_hour_is_no_stall(desk: Desk) -> None:
    append(desk.events, joined("m1"))
    desk.projections.catch_up()
    desk.sql("UPDATE generations SET advanced_at = '2026-01-01T00:00:00.000000Z'")
    append(desk.events, recorded(joined("m2"), at=datetime.now(UTC)))
    assert state(desk) is State.RUNNING


def test_lag_counts_positions_and_staleness_only_what_it_handles(desk: Desk) -> None:
    now = datetime.now(UTC)
    desk.projections.catch_up()
    append(desk.events, recorded(ShelfPainted(colour="red"), at=now - timedelta(hours=9)))
    status = desk.projections.status("members")
    assert (status.lag_events, status.lag_seconds) == (1, 0.0)
    append(desk.events, recorded(joined("m1"), at=now - timedelta(minutes=5)), recorded(borrowed("m1"), at=now))
    status = desk.projections.status("members")
    assert status.lag_events == 3
    assert status.lag_seconds == pytest.approx(300, abs=5)
    desk.projections.catch_up()
    status = desk.projections.status("members")
    assert (status.lag_events, status.lag_seconds, status.checkpoint, status.head) == (0, 0.0, 3, 3)
    assert status.seconds_since_advance == pytest.approx(0, abs=5)


def test_what_is_not_known_is_none(desk: Desk) -> None:
    status = desk.projections.status("members")
    assert (status.seconds_since_advance, status.rate, status.heartbeat_seconds) == (None, None, None)
    desk.sql("DELETE FROM generations")
    status = desk.projections.status("members")
    assert (status.checkpoint, status.lag_events, status.lag_seconds, status.generation) == (None, None, None, None)
    assert status.state is State.UNKNOWN


def test_the_worst_comes_first(desk: Desk) -> None:
    desk.projections.catch_up()
    desk.projections.pause("members", actor="ada")
    assert [status.name for status in desk.projections.statuses()] == ["members", "days"]
    desk.projections.resume("members", actor="ada")
    assert [status.name for status in desk.projections.statuses()] == ["days", "members"]


def test_the_rate_is_asked_from_who_keeps_samples(desk: Desk) -> None:
    projections = Projections(
        [Members], events=desk.events, types=TYPES, store=desk.store, rates_of=lambda names: dict.fromkeys(names, 7.5)
    )
    assert projections.status("members").rate == 7.5


def test_other_logic_is_said_not_enforced(new_desk: DeskFactory) -> None:
    new_desk(Members)

    class Shouting(Projection):
        table = Members.table

        @on(MemberJoined, key="member_id", creates=True)
        def joined(row: Any, event: MemberJoined) -> None:
            row.name = event.name.upper()

    desk = new_desk(Shouting)
    append(desk.events, joined("m1"))
    assert desk.projections.catch_up() == 1
    assert "replay is recommended" in str(desk.projections.status("members").note)
