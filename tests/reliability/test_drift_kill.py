"""kill -9 in the middle of checks and repairs, while events keep coming: nothing found is lost or doubled, nothing is
written but what was wrong, and whatever was written is in the trail once."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from cqrs.drift.check import Check
from cqrs.workers.operation import Operation
from tests.drift.gauges import GaugeSet, Measured, Station
from tests.reliability.conftest import Shelf, postgres_later
from tests.reliability.drift_processes import open_station, start
from tests.reliability.portions import in_portions
from tests.waiting import wait_until

#: Seconds that a worker has for the operation at most.
LATER = 0.25
GAUGES = 400
#: Gauges that events keep coming for; those before them are left in peace by all but vandals.
BUSY = range(300, GAUGES)


@pytest.fixture
def rng() -> random.Random:
    seed = os.environ.get("KILL_SEED") or str(random.randrange(10**9))
    print(f"KILL_SEED={seed}")  # noqa: T201  # shown when the test fails
    return random.Random(seed)


@pytest.fixture
def url(shelf: Shelf) -> str:
    return shelf.url("main")


@pytest.fixture
def station(url: str) -> Iterator[Station]:
    station = open_station(url)
    station.populate(GAUGES, readings=2)
    yield station
    station.database.dispose()


@contextmanager
def events_coming(station: Station, rng: random.Random) -> Iterator[None]:
    stop = threading.Event()

    def append() -> None:
        while not stop.wait(0.01):
            key = f"g{rng.choice(BUSY):03}"
            station.append(GaugeSet(gauge=key, label=f"Label {rng.random()}"), Measured(gauge=key, value=1))

    thread = threading.Thread(target=append)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def carried_out(station: Station, url: str, operation: Operation, rng: random.Random, kills: int) -> Operation:
    """By workers that are killed so many times, unless they are done before."""
    hits = Counter[str]()
    for n in range(kills):
        worker = start(url)
        wait_until(lambda n=n: _taken_up(station, operation, n + 1), 60)
        threading.Event().wait(rng.uniform(0, LATER))
        worker.kill()
        worker.join()
        found = station.operations.get(operation.id)
        hits[f"{found.kind} {found.state}: {found.phase}"] += 1
        if found.state.finished:
            break
    print(dict(hits))  # noqa: T201
    worker = start(url)
    try:
        wait_until(lambda: station.operations.get(operation.id).state.finished, 120)
    finally:
        worker.kill()
        worker.join()
    done = station.operations.get(operation.id)
    assert done.state == "succeeded", done.errors
    return done


def _taken_up(station: Station, operation: Operation, times: int) -> bool:
    found = station.operations.get(operation.id)
    return found.state.finished or found.attempts >= times


def check_of(station: Station, operation: Operation) -> Check:
    check = station.checks.of_operation(operation.id)
    assert check is not None
    return check


@pytest.mark.slow
@postgres_later
@in_portions
def test_a_full_check_finds_each_row_once_however_often_its_worker_dies(
    station: Station, url: str, rng: random.Random, kills: int
) -> None:
    quiet = [f"g{n:03}" for n in range(BUSY.start)]
    left = kills
    while left > 0:
        wrong = rng.sample(quiet, 30)
        changed, missing = wrong[:20], wrong[20:]
        before = station.rows()
        _marked(station, changed)
        station.sql(f"DELETE FROM gauges__g1 WHERE gauge IN ({_texts(missing)})")
        with events_coming(station, rng):
            check = check_of(station, carried_out(station, url, station.ask(level="full"), rng, min(left, 4)))
        found = station.checks.findings(check.id, limit=200).items
        assert [each.n for each in found] == list(range(1, 31))
        assert Counter((each.key, each.kind) for each in found) == Counter(
            [*((key, "changed") for key in changed), *((key, "missing") for key in missing)]
        )
        assert (check.verdict, check.changed, check.missing, check.extra) == ("drift", 20, 10, 0)
        assert check.checked == GAUGES
        station.sql(f"DELETE FROM gauges__g1 WHERE gauge IN ({_texts(changed)})")
        _put_back(station, [before[key] for key in wrong])
        left -= 4


class Witness:
    """Sees rows all the time: none of them may be anything but what it was, or what it should be."""

    def __init__(self, station: Station, allowed: dict[str, set[Any]]) -> None:
        self._station = station
        self._allowed = allowed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.between: list[Any] = []
        self.looks = 0

    def _look(self) -> None:
        keys = _texts(self._allowed)
        while not self._stop.wait(0.002):
            with self._station.database.read() as connection:
                select = f"SELECT gauge, label, note, count FROM gauges__g1 WHERE gauge IN ({keys})"
                rows = {row[0]: tuple(row[1:]) for row in connection.exec_driver_sql(select)}
            self.between += [(key, rows.get(key)) for key, ways in self._allowed.items() if rows.get(key) not in ways]
            self.looks += 1

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.slow
@postgres_later
@in_portions
def test_repairs_put_right_what_is_wrong_and_nothing_else_however_often_their_worker_dies(
    station: Station, url: str, rng: random.Random, kills: int
) -> None:
    quiet = [f"g{n:03}" for n in range(BUSY.start)]
    looks, left = 0, kills
    while left > 0:
        before = station.rows()
        right = {row[0]: row for row in station.sql("SELECT gauge, label, note, count FROM gauges__g1")}
        wrong = rng.sample(quiet, 60)
        changed, missing, busy = wrong[:40], wrong[40:], [f"g{n:03}" for n in rng.sample(BUSY, 10)]
        _marked(station, [*changed, *busy])
        station.sql(f"DELETE FROM gauges__g1 WHERE gauge IN ({_texts(missing)})")
        allowed = {key: {tuple(right[key][1:]), (right[key][1], "vandal", right[key][3])} for key in changed}
        allowed |= {key: {tuple(right[key][1:]), None} for key in missing}
        with events_coming(station, rng), Witness(station, allowed) as witness:
            asked = station.ask("repair", keys=[*wrong, *busy])
            done = carried_out(station, url, asked, rng, min(left, 4))
        assert witness.between == []
        looks += witness.looks
        left -= 4
        after = station.rows()
        assert {key: after[key] for key in quiet} == {key: before[key] for key in quiet}
        told = Counter(key for key in _told(station, done) if key not in busy)
        assert told == Counter(wrong)
        assert done.result is not None
        assert done.result["repaired"] == len(_told(station, done))
        assert check_of(station, done).verdict == "none"
    wait_until(lambda: _moved(station), 30)
    assert station.check().verdict == "none"
    print(f"{looks} looks at rows")  # noqa: T201


def _moved(station: Station) -> bool:
    """Once the leases of the dead have ended."""
    station.move()
    return station.judge.live().position == station.events.head()


def _told(station: Station, operation: Operation) -> list[str]:
    details = [msgspec.json.decode(row[0]) for row in station.sql("SELECT detail FROM audit")]
    return [row["key"] for detail in details if detail["operation"] == operation.id for row in detail["rows"]]


def _marked(station: Station, keys: list[str]) -> None:
    station.sql(f"UPDATE gauges__g1 SET note = 'vandal' WHERE gauge IN ({_texts(keys)})")


def _put_back(station: Station, rows: list[tuple[Any, ...]]) -> None:
    for row in rows:
        station.sql(f"INSERT INTO gauges__g1 VALUES ({', '.join('?' * len(row))})", *map(_stored, row))


def _stored(value: Any) -> Any:
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value


def _texts(keys: Any) -> str:
    return ", ".join(f"'{key}'" for key in keys)
