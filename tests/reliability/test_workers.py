"""Worker processes killed and halted at any moment, on both engines: nothing lost, nothing applied twice."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from cqrs.workers.schedule_tables import schedule_runs
from cqrs.workers.scheduler import LEASE_TIME
from cqrs.workers.ticks import INTERRUPTED
from tests.reliability.conftest import Shelf
from tests.reliability.labour import Job, Journal, Labourer
from tests.reliability.portions import KILLS, in_portions
from tests.reliability.yard import Yard, came_true, pid_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PAUSES = int(os.environ.get("PAUSES", "8"))
SHORT_LEASE = 0.4
LEASE = 2.0
#: What a worker has to write before it counts as being at work, and how long it may take on a busy machine.
PATIENCE = 30.0
#: One batch applied twice may leave right rows behind: where it holds no member of the batches that came after it.
ENOUGH = 6
#: On a busy machine nobody may take over in time: then a worker is halted again, as often as this.
MORE = 60
#: What two of the leases that people really have leave for taking over: short ones leave no time for a busy machine.
SLACK = LEASE_TIME.total_seconds()

YardFactory = Callable[..., Yard]

both_kinds = pytest.mark.parametrize(
    "by_statements", [pytest.param(False, id="rows"), pytest.param(True, id="statements", marks=pytest.mark.faults)]
)


@pytest.fixture
def new_yard(shelf: Shelf, tmp_path: Path) -> Iterator[YardFactory]:
    made: list[Yard] = []

    def make(**options: object) -> Yard:
        seed = os.environ.get("KILL_SEED") or str(random.randrange(10**9))
        print(f"KILL_SEED={seed}")  # noqa: T201  # shown when the test fails
        journal = tmp_path / "journal"
        job = Job(shelf.url("main"), str(journal), **{"lease_seconds": SHORT_LEASE, **options})  # type: ignore[arg-type]
        made.append(Yard(shelf, Journal(journal), random.Random(seed), job))
        return made[-1]

    yield make
    for yard in made:
        yard.close()


@both_kinds
@in_portions
def test_kill_9_of_workers_loses_nothing_and_doubles_nothing(
    new_yard: YardFactory, by_statements: bool, kills: int
) -> None:
    yard = new_yard(by_statements=by_statements)
    at_work = 0
    with yard.lending():
        for _ in range(kills):
            worker = yard.worker()
            if yard.rng.random() < 0.8:
                came_true(lambda: yard.moved_by(worker.pid) > 0, PATIENCE)  # noqa: B023  # called at once
            came_true(lambda: False, yard.rng.uniform(0, 0.2))
            at_work += yard.owner() == worker.pid
            worker.kill()
    yard.settle()
    print(f"{kills} kills, {at_work} of them with the lease; {yard.live().position} events")  # noqa: T201
    assert at_work > 0, "all were killed before they had begun: this tested nothing"
    assert yard.is_right()
    assert yard.doubled() == []


def halt_with_a_batch_in_hand(yard: Yard, workers: list[Labourer], pauses: int, *, batches: int = 1) -> None:
    """Stop whoever works for longer than its lease, each time; another takes over, then it goes on after so many
    batches of the other one."""
    for _ in range(pauses):
        wait_until(lambda: any(each.in_hand.value for each in workers), PATIENCE)
        halted = next((each for each in workers if each.in_hand.value), workers[0])
        others = [each.pid for each in workers if each is not halted]
        before = sum(map(yard.moved_by, others))
        halted.halt()
        # One that is halted inside its transaction keeps everybody out on SQLite: then nobody takes over.
        came_true(lambda: sum(map(yard.moved_by, others)) >= before + batches, 5 * SHORT_LEASE)  # noqa: B023  # called at once
        halted.go_on()
        wait_until(lambda: not halted.in_hand.value, PATIENCE)  # noqa: B023  # called at once


@both_kinds
def test_workers_that_slept_through_their_lease_are_fenced(new_yard: YardFactory, by_statements: bool) -> None:
    yard = new_yard(dawdle_seconds=0.05, by_statements=by_statements)
    workers = [yard.worker(), yard.worker()]
    with yard.lending():
        halt_with_a_batch_in_hand(yard, workers, PAUSES)
        for _ in range(MORE):
            if yard.journal.lines("fenced"):
                break
            halt_with_a_batch_in_hand(yard, workers, 1)
    yard.settle()
    fenced = len(yard.journal.lines("fenced"))
    print(f"{PAUSES} pauses or more, {fenced} fenced batches; {yard.live().position} events")  # noqa: T201
    assert fenced > 0, "nobody was fenced: this tested nothing"
    assert yard.is_right()
    assert yard.doubled() == []


@both_kinds
def test_without_token_and_position_the_same_goes_wrong(new_yard: YardFactory, by_statements: bool) -> None:
    """The control: a campaign in which this is right has tested nothing."""
    yard = new_yard(dawdle_seconds=0.05, guarded=False, by_statements=by_statements)
    workers = [yard.worker(), yard.worker()]
    wait_until(yard.caught_up, PATIENCE)  # members who join twice are refused by their key, whoever holds the lease
    with yard.lending():
        for _ in range(MORE):
            # The first batch of the other one may hold the same events and no more.
            halt_with_a_batch_in_hand(yard, workers, 1, batches=2)
            if len(yard.doubled()) >= ENOUGH:
                break
    yard.settle()
    print(f"{len(yard.doubled())} batches applied to what others had applied")  # noqa: T201
    assert not yard.is_right()


def test_one_moves_a_projection_and_another_takes_over_within_two_leases(new_yard: YardFactory) -> None:
    yard = new_yard(lease_seconds=LEASE)
    workers = {each.pid: each for each in (yard.worker(), yard.worker())}
    with yard.lending():
        wait_until(lambda: yard.owner() in workers, PATIENCE)
        held = yard.live()
        first = pid_of(held.owner)
        assert first is not None
        (second,) = workers.keys() - {first}
        wait_until(lambda: yard.moved_by(first) > 5 or yard.live().token > held.token, PATIENCE)
        before = yard.moved_by(second)
        assert before == 0 or yard.live().token > held.token, "two moved it under one lease"
        killed = time.monotonic()
        workers[first].kill()
        wait_until(lambda: yard.moved_by(second) > before, PATIENCE)
        took = time.monotonic() - killed
    yard.settle()
    print(f"taken over after {took:.1f} s, lease {LEASE} s")  # noqa: T201
    assert took < LEASE + SLACK
    assert yard.doubled() == []
    assert yard.is_right()


def test_due_times_are_run_once_whoever_holds_the_scheduler(new_yard: YardFactory) -> None:
    yard = new_yard(lease_seconds=LEASE, every_seconds=1.0)
    workers = {each.pid: each for each in (yard.worker(), yard.worker(), yard.worker())}

    def leader() -> int | None:
        with yard.desk.read.read() as connection:
            owner = connection.exec_driver_sql("SELECT owner FROM leases WHERE name = 'scheduler'").scalar()
        return pid_of(owner)

    def ticks(pid: int) -> int:
        return yard.journal.count("tick", pid)

    def is_led_by_another_than(gone: int | None) -> bool:
        """One that is at work."""
        return leader() in workers.keys() - {gone} and ticks(leader() or 0) > 0

    def next_leader(gone: int | None) -> int:
        wait_until(lambda: is_led_by_another_than(gone), PATIENCE)
        found = leader()
        assert found is not None
        return found

    def next_while_halted(halted: int) -> int:
        """One that is halted inside its transaction keeps the next one out: then it is done once more."""
        for _ in range(5):
            workers[halted].halt()
            if came_true(lambda: is_led_by_another_than(halted), 4 * LEASE):
                break
            workers[halted].go_on()
            came_true(lambda: False, 0.05)
        return next_leader(halted)

    first = next_leader(None)
    killed = time.monotonic()
    workers[first].kill()
    second = next_leader(first)
    took = time.monotonic() - killed
    third = next_while_halted(second)
    workers[second].go_on()
    before = len(yard.journal.lines("tick"))
    wait_until(lambda: len(yard.journal.lines("tick")) > before + 1, PATIENCE)
    for pid in (second, third):
        workers[pid].stop()
    runs = [due_at for (due_at,) in yard.desk.sql("SELECT due_at FROM schedule_runs WHERE schedule = 'tick'")]
    asked = yard.desk.sql("SELECT operation FROM schedule_runs WHERE schedule = 'look' AND NOT skipped")
    made = yard.desk.sql("SELECT id FROM operations")
    ran = len(yard.journal.lines("tick"))
    print(f"{len(runs)} due times, {ran} runs, the scheduler moved after {took:.1f} s")  # noqa: T201
    assert len({first, second, third}) == 3
    assert len(set(runs)) == len(runs)
    assert len(runs) - 1 <= ran <= len(runs), "a run of the one that was killed may be missing, none may be doubled"
    assert took < LEASE + SLACK
    assert asked == made, (
        "a check is asked for once, in the transaction of its run; while it waits, the rest is skipped"
    )
    assert len(made) == 1


def test_schedulers_killed_one_after_the_other_double_no_due_time_and_always_run_the_latest(
    new_yard: YardFactory,
) -> None:
    yard = new_yard(lease_seconds=0.6, every_seconds=1.0)

    def ticks(pid: int) -> int:
        return yard.journal.count("tick", pid)

    kills = max(3, KILLS // 2)
    for _ in range(kills):
        worker = yard.worker()
        wait_until(lambda: ticks(worker.pid) > 0, PATIENCE)  # noqa: B023  # called at once
        came_true(lambda: False, yard.rng.uniform(0, 1.2))
        worker.kill()
    last = yard.worker()
    wait_until(lambda: ticks(last.pid) > 1, PATIENCE)
    last.stop()
    r = schedule_runs.c
    with yard.desk.main.read() as connection:
        runs = connection.execute(sa.select(schedule_runs).where(r.schedule == "tick").order_by(r.due_at)).all()
    ran = len(yard.journal.lines("tick"))
    closed = [run for run in runs if run.error == INTERRUPTED]
    print(f"{kills} kills, {len(runs)} due times, {ran} runs, {len(closed)} ended by a kill")  # noqa: T201
    assert len({run.due_at for run in runs}) == len(runs)
    assert len(runs) - len(closed) <= ran <= len(runs)
    assert len(closed) <= kills
    assert all(run.finished_at is not None for run in runs)
    late = [run.requested_at - run.due_at for run in runs]
    assert max(late) < timedelta(seconds=1), "after a gap the latest due time is run, and no earlier one"
