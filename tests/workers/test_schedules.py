"""Schedules for people: what they show, and what is changed about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cqrs.errors import InvalidMessage, NotFound, OperationInTheWay, ScheduleChanged, ScheduleFixed, ScheduleStands
from cqrs.store.database import Database
from cqrs.workers.default_schedules import HOUSEKEEPING, DefaultSchedules
from cqrs.workers.due_times import Timing
from cqrs.workers.operations import Operations
from cqrs.workers.schedule import RunState, Schedule
from cqrs.workers.schedule_tables import schedules as schedules_table
from cqrs.workers.schedules import Schedules
from cqrs.workers.timing_change import changed_timing

FULL = ("full", "log")
LEVELS = (FULL, ("incremental", "log"), ("rolling", "log"), ("sample", "log"), ("full", "write_model"))
NIGHTLY = "check-members-full"


def schedules_of(database: Database, *projections: str, checks: tuple[tuple[str, str], ...] = (FULL,)) -> Schedules:
    return Schedules(database, Operations(database), DefaultSchedules(projections, lambda _: checks))


@pytest.fixture
def schedules(database: Database) -> Schedules:
    found = schedules_of(database, "members")
    found.ensure()
    return found


def own(schedules: Schedules) -> set[str]:
    return {each.schedule.id for each in schedules.all()} - {each.id for each in HOUSEKEEPING}


def test_every_read_model_is_checked_at_night_by_default(schedules: Schedules) -> None:
    schedule = schedules.get(NIGHTLY).schedule
    assert (schedule.timing.cron, schedule.timing.zone) == ("0 2 * * *", "UTC")
    assert (schedule.projection, schedule.parameters) == ("members", {"level": "full", "reference": "log"})


def test_levels_and_projections_that_appear_later_get_their_schedules(schedules: Schedules, database: Database) -> None:
    assert own(schedules) == {NIGHTLY}
    schedules.change(NIGHTLY, {"cron": "0 5 * * *"}, actor="ada")
    later = schedules_of(database, "members", "loans", checks=LEVELS)
    later.ensure()
    each = {"full", "incremental", "rolling", "full-write_model"}
    assert own(later) == {f"check-{name}-{level}" for name in ("members", "loans") for level in each}
    assert later.get(NIGHTLY).schedule.timing.cron == "0 5 * * *", "what somebody changed stays"


def test_a_projection_that_is_gone_from_the_code_is_shown_as_such(schedules: Schedules, database: Database) -> None:
    later = schedules_of(database, "loans")
    status = later.get(NIGHTLY)
    assert (status.why_not, status.on, status.due) == ("members is no longer in the code", False, ())
    assert NIGHTLY not in [each.schedule.id for each in later.upcoming(50)]
    assert later.next_due("members") is None
    with pytest.raises(ScheduleStands, match="no longer in the code"):
        later.run_now(NIGHTLY, actor="ada")


BROKEN = [
    ({"cron": "0 99 * * *"}, "its cron “0 99 * * *” cannot be read. “99” is no hour"),
    ({"cron": ""}, "its cron “” cannot be read"),
    ({"cron": None}, "it has neither an interval nor a cron"),
    ({"zone": "Mars/Base"}, "this machine knows no time zone “Mars/Base”: give another"),
    ({"zone": "../etc/passwd"}, "this machine knows no time zone"),
    ({"zone": ""}, "this machine knows no time zone"),
    ({"cron": None, "every_seconds": 0}, "its interval is not within"),
    ({"cron": None, "every_seconds": -60}, "its interval is not within"),
    ({"jitter_seconds": -1}, "its jitter is no number of seconds"),
    ({"parameters": "{"}, "its parameters cannot be read"),
    ({"parameters": "[]"}, "its parameters cannot be read"),
]


def edit(database: Database, identity: str, values: dict[str, object]) -> None:
    """By hand, past all that judges what people give."""
    with database.write() as connection:
        connection.execute(schedules_table.update().where(schedules_table.c.id == identity).values(values))


@pytest.mark.parametrize(("values", "why"), BROKEN)
def test_a_row_that_cannot_be_read_is_shown_with_its_reason_and_the_others_go_on(
    schedules: Schedules, database: Database, values: dict[str, object], why: str
) -> None:
    edit(database, NIGHTLY, values)
    status = schedules.get(NIGHTLY)
    assert why in str(status.why_not)
    assert (status.on, status.due, status.missed) == (False, (), None)
    assert len(schedules.all()) == 1 + len(HOUSEKEEPING)
    assert {each.schedule.id for each in schedules.upcoming(50)} == {"roll-up", "prune", "drop-generations", "forget"}
    schedules.pause(NIGHTLY, actor="ada")


@pytest.mark.parametrize(("values", "why"), [each for each in BROKEN if "parameters" not in each[0]])
def test_it_is_mended_by_giving_it_a_time_anew(
    schedules: Schedules, database: Database, values: dict[str, object], why: str
) -> None:
    edit(database, NIGHTLY, values)
    with pytest.raises(InvalidMessage):
        schedules.change(NIGHTLY, {"anchor": "2026-01-01T00:00:00Z"}, actor="ada")
    schedules.change(NIGHTLY, {"cron": "0 3 * * *", "zone": "UTC", "jitter_seconds": 0}, actor="ada")
    assert schedules.get(NIGHTLY).on


def write_time(database: Database, identity: str, column: str, value: object) -> None:
    """What SQLite takes for a time; PostgreSQL refuses it."""
    with database.write() as connection:
        connection.exec_driver_sql(f"UPDATE schedules SET {column} = ? WHERE id = ?", (value, identity))


NO_TIMES = ["yesterday", "", "2026-01-01 10:00", "20260101", 5, b"\xff", "9999-99-99T00:00:00Z"]


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("column", ["anchor", "counts_from", "changed_at", "paused_at"])
@pytest.mark.parametrize("value", NO_TIMES, ids=str)
def test_a_time_that_is_none_is_told_and_mended_by_giving_one_anew(
    schedules: Schedules, database: Database, column: str, value: object
) -> None:
    write_time(database, NIGHTLY, column, value)
    status = schedules.get(NIGHTLY)
    assert status.why_not == f"{column} holds no time with a zone"
    assert (status.on, status.due, status.missed) == (False, (), None)
    assert {each.schedule.id for each in schedules.upcoming(50)} == {"roll-up", "prune", "drop-generations", "forget"}
    schedules.change(NIGHTLY, {"cron": "0 3 * * *"}, actor="ada")
    assert schedules.get(NIGHTLY).why_not is None
    assert schedules.get(NIGHTLY).on is (column != "paused_at")
    assert schedules.resume(NIGHTLY, actor="ada").on


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_pause_since_no_time_ends_by_pausing_and_resuming(schedules: Schedules, database: Database) -> None:
    write_time(database, NIGHTLY, "paused_at", "since ever")
    assert schedules.pause(NIGHTLY, actor="ada").schedule.paused_by == "ada"
    assert schedules.resume(NIGHTLY, actor="ada").on


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_fixed_one_with_a_time_that_is_none_is_mended_when_the_program_starts(
    schedules: Schedules, database: Database
) -> None:
    write_time(database, "sample", "counts_from", "soon")
    schedules.ensure()
    assert schedules.get("sample").on


def test_a_fixed_one_that_cannot_be_read_is_mended_when_the_program_starts(
    schedules: Schedules, database: Database
) -> None:
    edit(database, "sample", {"every_seconds": 0})
    assert schedules.get("sample").why_not
    schedules.ensure()
    assert schedules.get("sample").schedule.timing.every == timedelta(seconds=10)


def test_what_comes_next_is_told_soonest_first(schedules: Schedules) -> None:
    coming = schedules.upcoming(50)
    assert [each.due_at for each in coming] == sorted(each.due_at for each in coming)
    assert {each.schedule.id for each in coming} == {NIGHTLY, "roll-up", "prune", "drop-generations", "forget"}
    assert schedules.upcoming(1) == coming[:1]
    found = schedules.next_due("members")
    assert found is not None
    assert found.schedule.id == NIGHTLY
    assert found.due_at <= found.begins_at <= found.due_at + timedelta(minutes=20)


def test_run_now_makes_a_run_that_says_so_and_moves_no_due_time(schedules: Schedules, database: Database) -> None:
    before = schedules.get(NIGHTLY)
    run = schedules.run_now(NIGHTLY, actor="ada", reason="a customer called")
    assert (run.due_at, run.asked_by, run.state) == (None, "ada", RunState.WAITING)
    (operation,) = Operations(database).page()
    assert (operation.id, operation.actor, operation.reason) == (run.operation, "ada", "a customer called")
    after = schedules.get(NIGHTLY)
    assert (after.due, after.schedule, after.last) == (before.due, before.schedule, run)
    with pytest.raises(OperationInTheWay, match="A full check of members is not finished"):
        schedules.run_now(NIGHTLY, actor="ada")
    Operations(database).cancel(operation.id, actor="ada")
    assert schedules.get(NIGHTLY).runs[0].state is RunState.CANCELLED
    assert schedules.run_now(NIGHTLY, actor="ada").id > run.id


def test_a_paused_schedule_has_nothing_to_come_and_owes_nothing_when_it_goes_on(schedules: Schedules) -> None:
    paused = schedules.pause(NIGHTLY, actor="ada")
    assert (paused.schedule.paused_by, paused.due, paused.missed) == ("ada", (), None)
    assert schedules.next_due("members") is None
    assert schedules.pause(NIGHTLY, actor="bob").schedule.paused_by == "ada"
    resumed = schedules.resume(NIGHTLY, actor="bob").schedule
    assert (resumed.paused_at, resumed.changed_by) == (None, "bob")
    assert resumed.counts_from == resumed.changed_at
    assert resumed.owed(resumed.timing.latest_due(datetime.now(UTC)) or datetime.now(UTC)) is None


def test_a_change_is_remembered_and_owes_nothing_from_before(schedules: Schedules) -> None:
    status = schedules.change(
        NIGHTLY, {"every_seconds": 3_600, "zone": "Europe/Berlin", "jitter_seconds": 60}, actor="ada"
    )
    schedule = status.schedule
    assert schedule.timing == Timing(every=timedelta(hours=1), zone="Europe/Berlin", jitter=timedelta(minutes=1))
    assert schedule.changed_by == "ada"
    assert status.missed is None
    assert len(status.due) == 3


def test_a_missed_due_time_is_told(database: Database) -> None:
    schedules = schedules_of(database, "members")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    schedules.add(
        Schedule(id="prune", name="Prune", kind="prune", timing=Timing(every=timedelta(days=1)), counts_from=long_ago)
    )
    status = schedules.get("prune")
    assert status.missed == Timing(every=timedelta(days=1)).latest_due(datetime.now(UTC) - timedelta(minutes=1))


def test_what_belongs_to_the_program_cannot_be_touched(schedules: Schedules) -> None:
    for refused in (schedules.pause, schedules.resume, schedules.run_now):
        with pytest.raises(ScheduleFixed):
            refused("sample", actor="ada")
    with pytest.raises(ScheduleFixed):
        schedules.change("sample", {"every_seconds": 60}, actor="ada")


def test_there_is_no_such_schedule(schedules: Schedules) -> None:
    for asked in (lambda: schedules.get("nothing"), lambda: schedules.pause("nothing", actor="ada")):
        with pytest.raises(NotFound):
            asked()


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        ({"cron": "0 0 31 2 *"}, "cron", "This never happens"),
        ({"cron": "0 2"}, "cron", "Give five fields"),
        ({"cron": 5}, "cron", "This must be text."),
        ({"cron": None}, "cron", "Give an interval or a cron"),
        ({"every_seconds": 59}, "every_seconds", "Give whole seconds from 60"),
        ({"every_seconds": "ten"}, "every_seconds", "Give whole seconds"),
        ({"every_seconds": True}, "every_seconds", "Give whole seconds"),
        ({"every_seconds": 10**12}, "every_seconds", "Give whole seconds"),
        ({"every_seconds": 60, "cron": "0 2 * * *"}, "cron", "not both"),
        ({"zone": "Berlin"}, "zone", "There is no time zone “Berlin”"),
        ({"zone": "../etc/passwd"}, "zone", "There is no time zone"),
        ({"jitter_seconds": -1}, "jitter_seconds", "Give whole seconds"),
        ({"every_seconds": 60, "jitter_seconds": 31}, "jitter_seconds", "Give at most 30 seconds"),
        ({"cron": "*/5 2 * * *", "jitter_seconds": 600}, "jitter_seconds", "Give at most 150 seconds"),
        ({"anchor": "2026-01-01"}, "anchor", "with its zone"),
        ({"paused": True}, "paused", "There is no such field"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_write(
    schedules: Schedules, given: dict[str, object], field: str, sentence: str
) -> None:
    with pytest.raises(InvalidMessage) as refused:
        schedules.change(NIGHTLY, given, actor="ada")
    assert sentence in refused.value.errors[field][0]
    assert schedules.get(NIGHTLY).schedule.changed_at is None


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidMessage) as refused:
        changed_timing(Timing(every=timedelta(hours=1)), {"cron": "x", "zone": "x", "jitter_seconds": "x"})
    assert set(refused.value.errors) == {"cron", "zone", "jitter_seconds"}


def test_a_change_is_refused_when_the_timing_is_not_the_one_that_was_seen(schedules: Schedules) -> None:
    seen = schedules.get(NIGHTLY).schedule.timing.mark
    schedules.pause(NIGHTLY, actor="bob")
    schedules.change(NIGHTLY, {"cron": "0 3 * * *"}, actor="bob", seen=seen)
    with pytest.raises(ScheduleChanged, match=r"bob has changed .* now runs every night at 03:00 UTC"):
        schedules.change(NIGHTLY, {"cron": "0 4 * * *"}, actor="ada", seen=seen)
    assert schedules.get(NIGHTLY).schedule.timing.cron == "0 3 * * *"
