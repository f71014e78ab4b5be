"""A worker: one thread a projection, one for the key index, some for operations, one that shows that it lives."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable

from cqrs.errors import CqrsError
from cqrs.projections.runner import Runner
from cqrs.runtime import Runtime
from cqrs.workers.heartbeats import BEAT_SECONDS
from cqrs.workers.operation_runner import OperationRunner

#: How long a thread waits for new events before it looks whether it is to stop, or its lease to be renewed.
WAIT_SECONDS = 0.5
#: A new event waits this long for others to be indexed with it: right after an append there is more urgent work.
PATIENCE_SECONDS = 0.25
#: Kinds of operations that have a thread of their own.
UNDELAYED = ("rollback", "check")
FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 30.0

logger = logging.getLogger(__name__)


class Worker:
    """Any number of them may work on one database: leases see to it that they do not get in each other's way."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._host, self._pid = socket.gethostname(), os.getpid()
        #: Names this process, this time: a process id is used again.
        self.id = f"{self._host}:{self._pid}:{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._threads = [self._thread(f"projection {name}", self._move, name) for name in runtime.projections.names()]
        self._threads.append(self._thread("key index", self._follow_keys))
        self._threads += [self._thread(f"operations: {kinds[0]}", self._operate, *kinds) for kinds in self._kinds()]
        self._threads.append(self._thread("heartbeat", self._beat))

    def start(self) -> None:
        """The first sign of life is given before this returns, so that nobody finds the worker missing."""
        self._runtime.workers.beat(self.id, host=self._host, pid=self._pid)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Batches under way are finished, leases are given back. May be called when it was never started."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _thread(self, name: str, target: Callable[..., None], *args: str) -> threading.Thread:
        return threading.Thread(target=target, args=args, name=name, daemon=True)

    def _move(self, name: str) -> None:
        runner = self._runtime.projections.runner(name, self.id)
        try:
            self._repeat(f"Projection {name}", lambda: self._step(runner))
        finally:
            self._give_back(runner)

    def _step(self, runner: Runner) -> None:
        """The runner itself says how long to wait: it knows a database that is away from one that is slow."""
        outcome = runner.step()
        while outcome.is_tail and outcome.position is not None and not self._stopping.is_set():
            head = self._runtime.events.wait_beyond(outcome.position, WAIT_SECONDS)
            outcome = runner.step(head or None)
        self._stopping.wait(outcome.delay)

    def _give_back(self, runner: Runner) -> None:
        try:
            runner.release()
        except CqrsError as error:
            logger.warning("The lease of %s was not given back and runs out by itself: %s", runner.name, error)

    def _kinds(self) -> list[tuple[str, ...]]:
        """What takes long has one thread; what only looks, and what helps in need, does not wait for it."""
        handled = tuple(self._runtime.operation_handlers)
        alone = [(kind,) for kind in UNDELAYED if kind in handled]
        rest = tuple(kind for kind in handled if kind not in UNDELAYED)
        return [*([rest] if rest else []), *alone]

    def _operate(self, *kinds: str) -> None:
        handlers = {kind: self._runtime.operation_handlers[kind] for kind in kinds}
        runner = OperationRunner(self._runtime.operations, handlers, self.id, self._stopping.is_set)
        self._repeat("Operations", lambda: self._carry_out(runner))

    def _carry_out(self, runner: OperationRunner) -> None:
        if not runner.step():
            self._stopping.wait(WAIT_SECONDS)

    def _follow_keys(self) -> None:
        self._repeat("The key index", self._index)

    def _index(self) -> None:
        head = self._runtime.events.safe_head()
        if not self._runtime.keys.follow() and self._runtime.events.wait_beyond(head, WAIT_SECONDS):
            self._stopping.wait(PATIENCE_SECONDS)

    def _beat(self) -> None:
        self._repeat("The sign of life", self._give_sign)
        try:
            self._runtime.workers.left(self.id)
        except CqrsError as error:
            logger.warning("This worker left without a word: %s", error)

    def _give_sign(self) -> None:
        self._runtime.workers.beat(self.id, host=self._host, pid=self._pid)
        self._stopping.wait(BEAT_SECONDS)

    def _repeat(self, what: str, step: Callable[[], None]) -> None:
        """Until stopped. No error ends it: what is broken now may be mended while we wait, longer each time."""
        pause = FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                step()
                pause = FIRST_RETRY_SECONDS
            except Exception as error:
                known = isinstance(error, CqrsError)
                logger.warning("%s waits %.1f s and tries again: %s", what, pause, error, exc_info=not known)
                self._stopping.wait(pause)
                pause = min(pause * 2, LONGEST_RETRY_SECONDS)
