"""kill -9 of the whole program under load, again and again: nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.console_process import ConsoleProcess, call, shell
from tests.reliability.load import Crowd, Customer
from tests.reliability.portions import in_portions
from tests.reliability.stats_fold import folded, reading, stored
from tests.waiting import wait_until

CUSTOMERS = 4
#: Seconds of load before a kill; the shortest hit it while it still starts to work.
LOAD = (0.05, 1.2)
EFFECTS = {
    "CreateUser": "UserCreated",
    "UpdateUser": "UserUpdated",
    "DeleteUser": "UserDeleted",
    "PlaceOrder": "OrderPlaced",
    "CancelOrder": "OrderCancelled",
}


class Program:
    """The program under load, over one folder; killed and started as often as the test likes."""

    def __init__(self, instance: Path) -> None:
        self.file = instance / "projectionist.db"
        self._instance = instance
        made = shell(instance, "init-db")
        assert made.returncode == 0, made.stderr
        added = shell(instance, "tokens", "add", "crowd", "--role", "operator", "--json")
        self.token = str(json.loads(added.stdout)["token"])
        self._process: ConsoleProcess | None = None

    def start(self) -> str:
        self._process = ConsoleProcess(self._instance, LOG_FORMAT="json")
        parts = urlsplit(self._process.link())
        return f"{parts.scheme}://{parts.netloc}"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            assert process.stop() == 0


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path / "instance")
    yield program
    program.kill()


def check_log(connection: sqlite3.Connection, crowd: Crowd) -> None:
    """Every acknowledged event is there exactly once, every stream is without gaps, the file is sound."""
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    logged = Counter(connection.execute("SELECT position, stream, version, type FROM events"))
    for request in crowd.answered():
        for event in request.answer.get("events", ()) if request.stored else ():
            identity = (event["position"], event["stream"], event["version"], event["type"])
            assert logged[identity] == 1, f"{request.command} was acknowledged with {identity}, which is not there"
    gaps = "SELECT stream FROM events GROUP BY stream HAVING min(version) <> 1 OR max(version) <> count(*)"
    assert connection.execute(gaps).fetchall() == []


def check_effects(connection: sqlite3.Connection, crowd: Crowd) -> None:
    """Requests whose answer was lost were repeated under the same key until answered: one effect each, none more."""
    effects = Counter(kind for (kind,) in connection.execute("SELECT type FROM events"))
    asked = Counter(EFFECTS[each.command] for each in crowd.answered() if each.stored and each.answer["events"])
    assert effects == asked
    assert not crowd.waiting()


@pytest.mark.slow
@in_portions
def test_kill_9_under_load_loses_nothing_and_counts_nothing_twice(program: Program, kills: int) -> None:
    seed = os.environ.get("KILL_SEED") or str(random.randrange(10**9))
    print(f"KILL_SEED={seed}")  # noqa: T201  # shown when the test fails
    rng = random.Random(seed)
    crowd = Crowd([Customer(f"{seed}-{number}") for number in range(CUSTOMERS)], program.token)
    for _ in range(kills):
        address = program.start()
        crowd.start(address)
        threading.Event().wait(rng.uniform(*LOAD))
        program.kill()
        crowd.leave()
        with reading(program.file) as connection:
            check_log(connection, crowd)
    address = program.start()
    settle(crowd, address)
    wait_until_caught_up(address, program.token)
    program.stop()
    with reading(program.file) as connection:
        check_log(connection, crowd)
        check_effects(connection, crowd)
        assert stored(connection) == folded(connection)
        assert len(folded(connection)) > 0


def settle(crowd: Crowd, address: str) -> None:
    """One last round, so that no request is left without an answer."""
    before = len(crowd.answered())
    crowd.start(address)
    wait_until(lambda: len(crowd.answered()) > before + CUSTOMERS, 60)
    crowd.leave()


def wait_until_caught_up(address: str, token: str) -> None:
    found: dict[str, Any] = {}

    def caught_up() -> bool:
        found.update(json.loads(call(address, "GET", "/api/projections/user_stats", token=token)[2]))
        return bool(found["lag_events"] == 0 and found["parked"] == 0 and found["state"] == "running")

    try:
        wait_until(caught_up, 60)
    except AssertionError:
        raise AssertionError(f"user_stats did not catch up: {found}") from None
