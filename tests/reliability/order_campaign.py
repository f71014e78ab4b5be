"""Concurrent writer processes against one tailing reader: does the gap proof lose or double anything?

`python -m tests.reliability.order_campaign` starts a server and prints the counts; ORDER_WRITERS, ORDER_TRANSACTIONS
(of each writer) and ORDER_SEED choose the size. The same loop also reads the naive way, `position > last`, as the
control: a campaign in which that reader misses nothing has not tested anything.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import sqlalchemy as sa

from cqrs.store.ordering import SafeHead
from tests.postgres import create_database, drop_database
from tests.store.bare_log import APPEND, create_bare_log

ROOT = Path(__file__).parents[2]
ROLLED_BACK = 0.02
LONG = 0.02


@dataclass(frozen=True)
class Size:
    writers: int = 8
    transactions: int = 250
    seed: int = 1

    @classmethod
    def from_environment(cls) -> Size:
        def number(name: str, default: int) -> int:
            return int(os.environ.get(name, default))

        return cls(number("ORDER_WRITERS", 8), number("ORDER_TRANSACTIONS", 250), number("ORDER_SEED", 1))


@dataclass
class Reader:
    """What one reader was given, in the order it was given."""

    positions: list[int] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.positions[-1] if self.positions else 0

    def missed(self, stored: set[int]) -> int:
        return len(stored - set(self.positions))

    @property
    def doubled(self) -> int:
        return len(self.positions) - len(set(self.positions))

    @property
    def in_order(self) -> bool:
        return self.positions == sorted(self.positions)


@dataclass
class Outcome:
    acknowledged: int
    stored: set[int]
    proven: Reader
    naive: Reader
    dead: int
    burnt: int
    seconds: float
    lost_acknowledged: int

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged events in {self.seconds:.1f} s, {self.dead} dead positions proven; "
            f"gap proof missed {self.proven.missed(self.stored)}, doubled {self.proven.doubled}; "
            f"naive reader missed {self.naive.missed(self.stored)}"
        )


def write(url: str, writer: int, transactions: int, seed: int) -> None:
    """Append in transactions of one to three events, print each number that a commit acknowledged."""
    chance = random.Random(seed * 1000 + writer)
    pause = threading.Event()
    with psycopg.connect(url, application_name=f"writer-{writer}", autocommit=True) as connection:
        for _ in range(transactions):
            keep = chance.random() >= ROLLED_BACK
            with connection.transaction(force_rollback=not keep):
                rows = connection.execute(APPEND, (writer, chance.randint(1, 3)), prepare=True).fetchall()
                if chance.random() < LONG:
                    pause.wait(chance.uniform(0.005, 0.1))
            if keep:
                sys.stdout.write("".join(f"{position}\n" for (position,) in rows))


def run(size: Size) -> Outcome:
    url = create_database()
    engine = create_bare_log(url)
    try:
        return _run(url, engine, size)
    finally:
        engine.dispose()
        drop_database(url)


def _run(url: str, engine: sa.Engine, size: Size) -> Outcome:
    tracker, proven, naive = SafeHead(engine), Reader(), Reader()
    began = time.monotonic()
    writers = list(_start_writers(url, size))
    acknowledged: set[int] = set()
    collectors = [threading.Thread(target=_collect, args=(each, acknowledged)) for each in writers]
    for thread in collectors:
        thread.start()
    with psycopg.connect(url, autocommit=True) as connection:
        while any(thread.is_alive() for thread in collectors):
            _read(connection, tracker, proven, naive)
        seconds = time.monotonic() - began
        _read(connection, tracker, proven, naive)
        stored = {row[0] for row in connection.execute("SELECT position FROM events")}
    failed = [each.args for each in writers if each.wait() != 0]
    if failed:
        raise RuntimeError(f"writers failed: {failed}")
    return Outcome(
        acknowledged=len(acknowledged),
        stored=stored,
        proven=proven,
        naive=naive,
        dead=tracker.dead,
        burnt=max(stored) - len(stored),
        seconds=seconds,
        lost_acknowledged=len(acknowledged - set(proven.positions)),
    )


def _read(connection: psycopg.Connection, tracker: SafeHead, proven: Reader, naive: Reader) -> None:
    safe = tracker.advance()
    rows = connection.execute(
        "SELECT position FROM events WHERE position > %s AND position <= %s ORDER BY position", (proven.last, safe)
    )
    proven.positions += [row[0] for row in rows]
    rows = connection.execute("SELECT position FROM events WHERE position > %s ORDER BY position", (naive.last,))
    naive.positions += [row[0] for row in rows]


def _start_writers(url: str, size: Size) -> Iterator[subprocess.Popen[str]]:
    for writer in range(size.writers):
        arguments = [url, str(writer), str(size.transactions), str(size.seed)]
        command = [sys.executable, "-m", "tests.reliability.order_campaign", *arguments]
        yield subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _collect(writer: subprocess.Popen[str], acknowledged: set[int]) -> None:
    assert writer.stdout is not None
    with writer.stdout:
        acknowledged.update(int(line) for line in writer.stdout)
    writer.wait()


if __name__ == "__main__":
    if len(sys.argv) == 5:
        write(sys.argv[1], *(int(text) for text in sys.argv[2:]))
    else:
        sys.stdout.write(f"{run(Size.from_environment())}\n")
