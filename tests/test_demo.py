"""Demo data and the live traffic of the demo."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import Any

import pytest

from app import working
from cqrs.demo import Trickle, seed_first_run
from cqrs.domain import Domain
from cqrs.errors import DatabaseBusy
from cqrs.runtime import Runtime
from cqrs.store.records import NewEvent
from tests.conftest import RuntimeFactory
from tests.waiting import wait_until

EVENT = NewEvent(
    type="Seeded", schema_version=1, data=b"{}", event_id="e", correlation_id="c", causation_id=None, actor="demo"
)
SHOP = Domain("shop", seed=lambda runtime: runtime.events.append("shop-1", [EVENT]))


def shop(new_runtime: RuntimeFactory, **settings: object) -> Runtime:
    # The domain is handed over; the setting of that name only has to allow demo data.
    runtime = new_runtime(SHOP, **settings)
    runtime.init()
    return runtime


def test_an_empty_log_is_seeded_once(new_runtime: RuntimeFactory) -> None:
    runtime = shop(new_runtime, DEMO=True)
    assert seed_first_run(runtime)
    assert not seed_first_run(runtime)
    assert runtime.events.head() == 1


def test_without_demo_nothing_is_loaded(new_runtime: RuntimeFactory) -> None:
    runtime = shop(new_runtime, DEMO=False)
    assert not seed_first_run(runtime)
    assert runtime.events.head() == 0


@pytest.mark.parametrize(("beginner", "lives"), [("demo", True), ("ada", False)])
def test_a_log_that_people_began_gets_no_demo_traffic(new_runtime: RuntimeFactory, beginner: str, lives: bool) -> None:
    runtime = shop(new_runtime, DEMO=True, DEMO_TRICKLE=True)
    runtime.events.append("shop-1", [replace(EVENT, actor=beginner)])
    with working(runtime):
        assert ("demo" in {thread.name for thread in threading.enumerate()}) is lives


@pytest.mark.parametrize("error", [None, DatabaseBusy(database="main.db"), ValueError("a mistake")])
def test_the_traffic_goes_on_whatever_a_command_comes_to(new_runtime: RuntimeFactory, error: Exception | None) -> None:
    sent = threading.Semaphore(0)

    def trickle(_runtime: Any, _rng: random.Random) -> None:
        sent.release()
        if error:
            raise error

    demo = Trickle(new_runtime(Domain("shop", trickle=trickle)), pause=(0.0, 0.001))
    demo.start()
    for _ in range(3):
        assert sent.acquire(timeout=10)
    demo.stop()
    wait_until(lambda: not any(thread.name == "demo" for thread in threading.enumerate()))


def test_traffic_that_pauses_stops_at_once(new_runtime: RuntimeFactory) -> None:
    demo = Trickle(new_runtime(SHOP), pause=(60.0, 60.0))
    demo.start()
    demo.stop()
    assert "demo" not in {thread.name for thread in threading.enumerate()}
