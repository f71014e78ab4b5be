"""Faults of every kind in every type of column, in numbers and places nobody chose: all are found, and only those."""

from __future__ import annotations

import os
import random

import pytest

from tests.drift.faulty import WRONG, plant
from tests.drift.gauges import GaugeSet, Measured, Station, gauges
from tests.reliability.conftest import Shelf, postgres_later

ROUNDS = int(os.environ.get("DETECTOR_ROUNDS", "3"))
GAUGES = 80
COLUMNS = [column.name for column in gauges.columns if not column.primary_key]
NULLABLE = [column.name for column in gauges.columns if column.nullable and column.name != "note"]
#: By key, the kind of the finding and, of a row that changed, its columns.
Planted = dict[str, tuple[str, frozenset[str]]]
WHOLE: frozenset[str] = frozenset()


class Vandal:
    """Remembers what it did."""

    def __init__(self, station: Station, rng: random.Random) -> None:
        self._station = station
        self._rng = rng
        self._whole = [f"g{n:03}" for n in range(GAUGES)]
        rng.shuffle(self._whole)
        self.planted: Planted = {}

    def act(self, count: int) -> None:
        ways = [self.change, self.empty, self.delete, self.copy, self.move, self.swap, self.roll_back_row]
        for _ in range(count):
            if len(self._whole) > 2:
                self._rng.choice(ways)()

    def change(self) -> None:
        key = self._whole.pop()
        columns = frozenset(self._rng.sample(list(WRONG), self._rng.randint(1, 4)))
        for column in columns:
            plant(self._station, column, key)
        self.planted[key] = ("changed", columns)

    def empty(self) -> None:
        key, column = self._whole.pop(), self._rng.choice(NULLABLE)
        self._station.sql(f"UPDATE gauges__g1 SET {column} = NULL WHERE gauge = ?", key)
        self.planted[key] = ("changed", frozenset([column]))

    def delete(self) -> None:
        key = self._whole.pop()
        self._station.sql("DELETE FROM gauges__g1 WHERE gauge = ?", key)
        self.planted[key] = ("missing", WHOLE)

    def copy(self) -> None:
        key, columns = f"copy {len(self.planted)}", ", ".join(COLUMNS)
        copied = f"SELECT ?, {columns} FROM gauges__g1 WHERE gauge = ?"
        self._station.sql(f"INSERT INTO gauges__g1 (gauge, {columns}) {copied}", key, self._rng.choice(self._whole))
        self.planted[key] = ("extra", WHOLE)

    def move(self) -> None:
        key, other = self._whole.pop(), f"moved {len(self.planted)}"
        self._station.sql("UPDATE gauges__g1 SET gauge = ? WHERE gauge = ?", other, key)
        self.planted[key] = ("missing", WHOLE)
        self.planted[other] = ("extra", WHOLE)

    def swap(self) -> None:
        """All values of two rows, so that nothing is wrong but whose they are."""
        one, other = self._whole.pop(), self._whole.pop()
        for key, to in ((one, "swapping"), (other, one), ("swapping", other)):
            self._station.sql("UPDATE gauges__g1 SET gauge = ? WHERE gauge = ?", to, key)
        always = frozenset(["label", "small", "mean", "raw", "facts", "device"])
        parity = (int(one[1:]) - int(other[1:])) % 2
        for key in (one, other):
            self.planted[key] = ("changed", always | ({"steady"} if parity else set()))

    def roll_back_row(self) -> None:
        """As it would be if one reading had never come, or had come twice."""
        key, by = self._whole.pop(), self._rng.choice([-1, 1])
        self._station.sql(f"UPDATE gauges__g1 SET count = count + {by}, cost = cost + {by * 0.1} WHERE gauge = ?", key)
        self.planted[key] = ("changed", frozenset(["count", "cost"]))


@pytest.mark.slow
@postgres_later
def test_what_is_planted_at_random_is_found_and_nothing_else(shelf: Shelf) -> None:
    seed = os.environ.get("DETECTOR_SEED") or str(random.randrange(10**9))
    print(f"DETECTOR_SEED={seed}")  # noqa: T201  # shown when the test fails
    rng = random.Random(seed)
    for turn in range(ROUNDS):
        station = Station(shelf.open(f"round-{turn}"))
        station.populate(GAUGES, readings=3)
        vandal = Vandal(station, rng)
        vandal.act(rng.randint(1, 60))
        # Behind the checkpoint: neither these nor a column that is none of ours have a part in it.
        station.append(GaugeSet(gauge="later", label="Later"), *(Measured(gauge=f"g{n:03}", value=9) for n in range(9)))
        station.sql("ALTER TABLE gauges__g1 ADD COLUMN sneaky TEXT DEFAULT 'x'")
        check = station.check()
        found = {
            key: (each.kind, frozenset(each.columns) if each.kind == "changed" else WHOLE)
            for key, each in station.found(check).items()
        }
        assert found == vandal.planted
        assert check.checked == GAUGES + sum(kind == "extra" for kind, _ in vandal.planted.values())
