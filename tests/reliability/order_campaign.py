"""Concurrent writer processes against one tailing reader: does the gap proof lose or double anything?

`python -m tests.reliability.order_campaign` starts a server and prints the counts; ORDER_WRITERS, ORDER_TRANSACTIONS
(of each writer) and ORDER_SEED choose the size. The same loop also reads the naive way, `position > last`, as the
control: a campaign in which that reader misses nothing has not tested anything. However little the writers overlap on
a busy machine, one transaction of the campaign does for certain: it goes on until that reader has overtaken it.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

import psycopg
import sqlalchemy as sa

from cqrs.store.ordering import SafeHead
from tests.postgres import create_database, drop_database
from tests.reliability.labour import context
from tests.store.bare_log import APPEND, Writer, create_bare_log

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


def write(url: str, writer: int, transactions: int, seed: int, acknowledged: Connection) -> None:
    """Append in transactions of one to three events, tell each number that a commit acknowledged."""
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
                acknowledged.send([position for (position,) in rows])


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
    acknowledged: set[int] = set()
    writers = [_start_writer(url, size, number, acknowledged) for number in range(size.writers)]
    collectors = [collector for _, collector in writers]
    with closing(Writer(url)) as late, psycopg.connect(url, autocommit=True) as connection:
        (position,) = late.append()
        while any(thread.is_alive() for thread in collectors):
            _read(connection, tracker, proven, naive)
            if naive.last > position:
                late.commit()
        seconds = time.monotonic() - began
        _read(connection, tracker, proven, naive)
        late.commit()
        _read(connection, tracker, proven, naive)
        stored = {row[0] for row in connection.execute("SELECT position FROM events")}
    if failed := [process.exitcode for process, _ in writers if process.exitcode != 0]:
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


def _start_writer(
    url: str, size: Size, number: int, acknowledged: set[int]
) -> tuple[ForkServerProcess, threading.Thread]:
    """The process, and the thread that takes down what it is told until the process has ended."""
    taken, told = multiprocessing.Pipe(duplex=False)
    arguments = (url, number, size.transactions, size.seed, told)
    process = context().Process(target=write, args=arguments, daemon=True)
    process.start()
    told.close()  # the process has the only one left
    collector = threading.Thread(target=_collect, args=(process, taken, acknowledged))
    collector.start()
    return process, collector


def _collect(process: ForkServerProcess, taken: Connection, acknowledged: set[int]) -> None:
    with taken, suppress(EOFError):
        while True:
            acknowledged.update(taken.recv())
    process.join()


if __name__ == "__main__":
    sys.stdout.write(f"{run(Size.from_environment())}\n")
