"""kill -9 in the middle of replays and roll backs: taken up where they were, rows right at every moment."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import pytest

from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, upgrade
from cqrs.workers.operation import Operation, OperationState
from tests.projections.house import House
from tests.projections.library import append, borrowed, joined
from tests.reliability.portions import in_portions
from tests.reliability.replay_processes import open_house, start, work
from tests.waiting import wait_until

#: Where a kill is to hit; whatever it hits instead is as good.
TARGETS = ("build", "catch up", "compare", "swap", "roll back")
MEMBERS = 300
#: Seconds after the phase was seen.
LATER = 0.03


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/kills.db"


@pytest.fixture
def house(url: str) -> Iterator[House]:
    database = open_database(url, root=Path())
    upgrade(database, MAIN)
    house = open_house(url)
    house.populate(MEMBERS)
    yield house
    database.dispose()
    house.database.dispose()


def expected(house: House, until: int) -> dict[str, int]:
    """Loans by member, worked out by other code."""
    loans: dict[str, int] = {}
    for event in house.events.read_all(until=until, limit=100_000):
        member = msgspec.json.decode(event.data)["member_id"]
        loans[member] = loans.get(member, 0) + (event.type == "BookBorrowed")
    return loans


def check_readers(house: House) -> None:
    """What the view shows is what the log says up to the checkpoint of that same moment."""
    with house.database.read() as connection:
        position = connection.exec_driver_sql("SELECT position FROM generations WHERE state = 'live'").scalar_one()
        rows = dict(connection.exec_driver_sql("SELECT member_id, loans FROM members").all())
    assert rows == expected(house, position)


class Operator:
    """Asks for something whenever nothing is under way."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.asked: list[Operation] = []

    def under_way(self, kind: str) -> Operation:
        last = self.house.operations.get(self.asked[-1].id) if self.asked else None
        if last is None or last.state.finished:
            self.asked.append(self._ask(kind))
        return self.house.operations.get(self.asked[-1].id)

    def _ask(self, kind: str) -> Operation:
        kept = [each.number for each in self.house.projections.generations("members") if each.next_back]
        return (
            self.house.ask("rollback", generation=kept[0]) if kind == "rollback" and kept else self.house.ask("replay")
        )

    def finish(self) -> None:
        wait_until(lambda: self.house.operations.get(self.asked[-1].id).state.finished, 60)
        states = Counter(self.house.operations.get(each.id).state for each in self.asked)
        assert states == {OperationState.SUCCEEDED: len(self.asked)}


def hit(operator: Operator, worker: BaseProcess, target: str, rng: random.Random) -> str:
    """Kill the worker in the phase, or a little later; returns what was hit."""
    kind = "rollback" if target == "roll back" else "replay"

    def reached() -> bool:
        current = operator.under_way(kind)
        append(operator.house.events, borrowed(f"m{rng.randrange(MEMBERS):04}"))
        return current.phase == target or (target == "roll back" and current.kind == "rollback" and bool(current.phase))

    wait_until(reached, 60)
    threading.Event().wait(rng.uniform(0, LATER))
    worker.kill()
    worker.join()
    found = operator.house.operations.get(operator.asked[-1].id)
    return f"{found.kind} {found.state}: {found.phase}"


@pytest.mark.slow
@in_portions
def test_replays_survive_kill_9(house: House, url: str, kills: int) -> None:
    seed = os.environ.get("KILL_SEED") or str(random.randrange(10**9))
    print(f"KILL_SEED={seed}")  # noqa: T201  # shown when the test fails
    rng, operator, hits = random.Random(seed), Operator(house), Counter[str]()
    for target in itertools.islice(itertools.cycle(TARGETS), kills):
        worker = start(work, url)
        hits[hit(operator, worker, target, rng)] += 1
        check_readers(house)
    print(dict(hits))  # noqa: T201
    worker = start(work, url)
    try:
        operator.finish()
        append(house.events, joined("last"))
        wait_until(lambda: "last" in house.rows(), 30)
    finally:
        worker.kill()
        worker.join()
    check_readers(house)
    nothing_is_left_behind(house)


def nothing_is_left_behind(house: House) -> None:
    house.sql("UPDATE generations SET kept_at = '2026-01-01T00:00:00.000000Z' WHERE state = 'kept'")
    house.projections.drop_old(list)
    (live,) = house.projections.generations("members")
    assert house.tables() == {f"members__g{live.number}"}
    assert house.sql("SELECT count(*) FROM parked_keys") == [(0,)]
    assert house.sql("SELECT count(*) FROM foreign_writes") == [(0,)]
