"""The worker's threads: they work, wait, survive what goes wrong, and stop cleanly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from cqrs.errors import DatabaseBusy
from cqrs.projections.runner import Outcome
from cqrs.runtime import Runtime
from cqrs.store.database import Database
from cqrs.workers.heartbeats import Workers
from cqrs.workers.operations import Operations
from cqrs.workers.worker import Worker
from tests.waiting import wait_until

TAIL = Outcome(0, 7, is_tail=True)


class FakeRunner:
    """Steps as it is told, and remembers what was asked of it."""

    def __init__(self, name: str, step: Callable[[], Outcome]) -> None:
        self.name = name
        self._step = step
        self.steps = 0
        self.released = threading.Event()

    def step(self, head: int | None = None) -> Outcome:
        self.steps += 1
        return self._step()

    def release(self) -> None:
        self.released.set()


class FakeLog:
    """Nothing ever comes; a wait ends at once when the test says so, and shortly otherwise."""

    def __init__(self) -> None:
        self.waited_for: list[int] = []
        self.pause = threading.Event()

    def safe_head(self) -> int:
        return 7

    def wait_beyond(self, position: int, timeout_seconds: float) -> int:
        self.waited_for.append(position)
        self.pause.wait(min(timeout_seconds, 0.01))
        return 0


class Parts:
    def __init__(self, database: Database) -> None:
        self.step: Callable[[], Outcome] = lambda: TAIL
        self.follow: Callable[[], bool] = lambda: False
        self.runners: dict[str, FakeRunner] = {}
        self.events = FakeLog()
        self.workers = Workers(database)
        self.projections = SimpleNamespace(names=lambda: ("users", "orders"), runner=self.runner)
        self.operations = Operations(database)
        self.operation_handlers: dict[str, Any] = {}
        self.keys = SimpleNamespace(follow=lambda: self.follow())

    def runner(self, name: str, owner: str) -> FakeRunner:
        self.runners[name] = FakeRunner(name, lambda: self.step())
        return self.runners[name]


@pytest.fixture
def parts(database: Database) -> Parts:
    return Parts(database)


@pytest.fixture
def worker(parts: Any) -> Iterator[Worker]:
    worker = Worker(parts)
    yield worker
    worker.stop()


def test_each_projection_moves_and_gives_its_lease_back(parts: Parts, worker: Worker) -> None:
    worker.start()
    wait_until(lambda: set(parts.runners) == {"users", "orders"})
    wait_until(lambda: all(runner.steps > 1 for runner in parts.runners.values()))
    worker.stop()
    assert all(runner.released.is_set() for runner in parts.runners.values())
    assert 7 in parts.events.waited_for


def test_it_shows_that_it_lives_and_says_goodbye(parts: Parts, worker: Worker) -> None:
    worker.start()
    (found,) = parts.workers.alive()
    assert found.id == worker.id
    worker.stop()
    assert parts.workers.alive() == []


def test_a_batch_that_is_not_the_last_is_followed_at_once(parts: Parts, worker: Worker) -> None:
    outcomes = iter([Outcome(1000, 1000, is_tail=False)] * 100)
    parts.projections.names = lambda: ("users",)
    parts.step = lambda: next(outcomes, TAIL)
    worker = Worker(parts)  # type: ignore[arg-type]
    worker.start()
    wait_until(lambda: "users" in parts.runners and parts.runners["users"].steps > 100)
    worker.stop()
    assert 1000 not in parts.events.waited_for


def test_a_runner_that_has_to_wait_is_not_asked_all_the_time(parts: Parts, worker: Worker) -> None:
    parts.step = lambda: Outcome(0, None, is_tail=False, delay=30.0, why="It is paused.")
    worker.start()
    wait_until(lambda: all(runner.steps == 1 for runner in parts.runners.values()) and len(parts.runners) == 2)
    worker.stop()
    assert all(runner.steps == 1 for runner in parts.runners.values())


@pytest.mark.parametrize("error", [DatabaseBusy(database="main.db"), ValueError("a mistake of ours")])
def test_an_error_does_not_end_a_thread(
    parts: Parts, worker: Worker, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    broken = threading.Event()

    def follow() -> bool:
        if not broken.is_set():
            broken.set()
            raise error
        mended.set()
        return False

    mended = threading.Event()
    parts.follow = follow
    worker.start()
    wait_until(mended.is_set)
    assert str(error) in caplog.text


def test_stopping_one_that_was_never_started_is_fine(worker: Worker) -> None:
    worker.stop()


def test_on_a_real_program_everything_moves_to_the_end_of_the_log(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    command = runtime.catalogue.commands["CreateUser"]
    worker = Worker(runtime)
    worker.start()
    for number in range(20):
        fields = {"name": "Ada", "email": f"ada{number}@example.org", "password": "correct horse"}
        user_id = runtime.mediator.send(command(**fields)).result["user_id"]
    order = {"user_id": user_id, "amount": Decimal("9.90")}
    last = runtime.mediator.send(runtime.catalogue.commands["PlaceOrder"](**order)).position
    assert last is not None
    assert runtime.projections.wait(runtime.projections.names(), last, 20) == last
    wait_until(lambda: runtime.keys.indexed_to() == last)
    worker.stop()
    assert [record for record in caplog.records if record.levelname != "INFO"] == []
    assert {status.owner for status in runtime.projections.statuses()} == {None}
