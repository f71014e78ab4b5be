"""Worker processes that start within milliseconds, so that hundreds can be killed: forked from one that has imported
everything. They run the program's own worker and scheduler over the library, with short leases and small batches, and
write a journal of what they committed.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import sqlalchemy as sa

from cqrs.errors import Fenced
from cqrs.projections.engine import Sizes
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.projection import Projection
from cqrs.readmodels import checkpoint
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.sql_rows import SqlGenerationRows
from cqrs.readmodels.tables import generations as g
from cqrs.store.database_time import database_now
from cqrs.store.opening import open_database
from cqrs.workers.default_schedules import DefaultSchedules
from cqrs.workers.due_times import Timing
from cqrs.workers.heartbeats import Workers
from cqrs.workers.operations import Operations
from cqrs.workers.schedule import CHECK, Schedule
from cqrs.workers.scheduler import Scheduler
from cqrs.workers.schedules import Schedules
from cqrs.workers.worker import Worker
from tests.projections.library import TYPES, Members
from tests.reliability.desk import Desk
from tests.reliability.tallies import Tallies

#: What the move of a checkpoint would be if it looked at neither token nor position: for the control only.
UNGUARDED = (
    sa.update(g)
    .where(g.c.projection == sa.bindparam("p"), g.c.generation == sa.bindparam("g"))
    .where(sa.or_(g.c.token == sa.bindparam("t"), g.c.token != sa.bindparam("t"), g.c.position == sa.bindparam("old")))
    .values(
        position=sa.bindparam("new"),
        event_id=sa.bindparam("id"),
        lease_until=database_now(sa.bindparam("lease_seconds", type_=sa.Float)),
    )
)


@dataclass(frozen=True)
class Job:
    """What a worker process is told. Plain values: they travel to another process."""

    url: str
    journal: str
    lease_seconds: float = 1.0
    #: How long a batch is in hand before it is written.
    dawdle_seconds: float = 0.0
    guarded: bool = True
    batch: int = 20
    #: Schedules fire this often where wanted.
    every_seconds: float = 0.0
    #: By rows, or by statements.
    by_statements: bool = False

    @property
    def projection(self) -> type[Projection]:
        return Tallies if self.by_statements else Members


def context() -> ForkServerContext:
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([__name__, "psycopg"])
    return made


class Labourer:
    """One worker process, from outside."""

    def __init__(self, job: Job, processes: ForkServerContext) -> None:
        #: Whether it has a batch in hand right now: folded, not yet written.
        self.in_hand = processes.Value("b", 0, lock=False)
        self._stop = processes.Event()
        self.process: ForkServerProcess = processes.Process(
            target=work, args=(job, self.in_hand, self._stop), daemon=True
        )
        self.process.start()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        """As `kill -9` does."""
        self.process.kill()
        self.process.join()

    def halt(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        self._stop.set()
        self.process.join(30)
        assert self.process.exitcode == 0, self.process.exitcode


class Journal:
    """A file that processes append lines to, whole ones: what is in it happened. Each line is read once, however often
    it is asked for: a campaign of thousands of kills asks all the time."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._read_to = 0
        self._lines: defaultdict[str, list[list[str]]] = defaultdict(list)
        self._counts: Counter[tuple[str, int]] = Counter()

    def write(self, *words: object) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, (" ".join(map(str, words)) + "\n").encode())
        finally:
            os.close(file)

    def lines(self, kind: str) -> list[list[str]]:
        """The words of the lines that begin with `kind`, without it."""
        self._read_on()
        return self._lines[kind]

    def count(self, kind: str, pid: int) -> int:
        """How many lines of that kind this process has written: its number is the word after the kind."""
        self._read_on()
        return self._counts[kind, pid]

    def _read_on(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for line in whole.decode().splitlines():
            kind, *words = line.split()
            self._lines[kind].append(words)
            self._counts[kind, int(words[0])] += 1


def work(job: Job, in_hand: Any, stop: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    journal = Journal(job.journal)
    with contextlib.ExitStack() as patches:
        for way in ("commit", "run"):
            watched = functools.partialmethod(_watched, getattr(SqlGenerationRows, way), job, journal, in_hand)
            patches.enter_context(mock.patch.object(SqlGenerationRows, way, watched))
        if not job.guarded:
            patches.enter_context(mock.patch.object(checkpoint, "MOVE", UNGUARDED))
        runtime = _runtime(job)
        worker = Worker(runtime)
        parts: list[Any] = [worker]
        if job.every_seconds:
            parts.append(_scheduler(job, journal, runtime, worker.id))
        for part in parts:
            part.start()
        stop.wait()
        for part in reversed(parts):
            part.stop()


def _watched(
    self: SqlGenerationRows,
    write: Any,
    job: Job,
    journal: Journal,
    in_hand: Any,
    held: Generation,
    batch: Batch,
    *work: Any,
) -> Generation:
    in_hand.value = 1
    threading.Event().wait(job.dawdle_seconds)
    try:
        moved: Generation = write(self, held, batch, *work)
    except Fenced:
        journal.write("fenced", os.getpid(), held.projection, held.position)
        raise
    finally:
        in_hand.value = 0
    journal.write("moved", os.getpid(), held.projection, held.position, moved.position)
    return moved


def _runtime(job: Job) -> Any:
    """As much of a program as a worker needs."""
    database = open_database(job.url, root=Path())
    options: dict[str, Any] = {"sizes": Sizes(live=job.batch), "lease_seconds": job.lease_seconds}
    desk = Desk(database, database, projections=(job.projection,), **options)
    keys = KeyIndex([job.projection], events=desk.events, types=TYPES, database=database)
    operations = Operations(database)
    often = Timing(every=timedelta(seconds=job.every_seconds or 1))
    check = {"projection": "members", "parameters": {"level": "full"}}
    own = [
        Schedule(id="tick", name="Tick", kind="tick", timing=often),
        Schedule(id="look", name="Look", kind=CHECK, timing=often, **check),  # type: ignore[arg-type]
    ]
    defaults = DefaultSchedules(["members"], lambda _: [("full", "log")], own)
    return SimpleNamespace(
        main=database,
        events=desk.events,
        projections=desk.projections,
        keys=keys,
        workers=Workers(database),
        operations=operations,
        schedules=Schedules(database, operations, defaults),
        operation_handlers={},
    )


def _scheduler(job: Job, journal: Journal, runtime: Any, owner: str) -> Scheduler:
    def tick(_runtime: Any) -> None:
        journal.write("tick", os.getpid())

    return Scheduler(runtime, owner, jobs={"tick": tick}, lease_time=timedelta(seconds=job.lease_seconds))
