"""A running system of the example domain in one database, as the programs build it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from cqrs.example import domain
from cqrs.runtime import Runtime, build_runtime
from cqrs.settings import load_settings
from cqrs.store.event_store import EventStore
from cqrs.workers.worker import Worker


class House:
    def __init__(self, path: Path, url: str | None = None) -> None:
        """Opens the SQLite file `path`, or with a `url` another database; makes the tables when it is new."""
        self.path = path
        database = {"DATABASE_URL": url or f"sqlite:///{path}", "DEMO": "0"}
        settings = load_settings({}, root=path.parent, overrides=database)
        self.runtime: Runtime = build_runtime(settings, [domain])
        self.runtime.init()

    @property
    def events(self) -> EventStore:
        return self.runtime.events

    def build(self, projection: str, until: int) -> None:
        """Fold the log into an empty generation that nobody reads, in this thread, at least up to a position."""
        projections = self.runtime.projections
        runner = projections.runner(projection, "benchmark", generation=projections.create_generation(projection))
        reached = 0
        while reached < until:
            outcome = runner.step()
            assert outcome.position is not None, outcome.why
            reached = outcome.position
        runner.release()

    def catch_up(self, projection: str, until: int) -> None:
        """Move the live generation, in this thread, at least up to a position."""
        runner = self.runtime.projections.runner(projection, "benchmark")
        reached = 0
        while reached < until:
            outcome = runner.step()
            assert outcome.position is not None, outcome.why
            reached = outcome.position
        runner.release()

    @contextmanager
    def moving(self, projection: str) -> Iterator[None]:
        """With the thread a worker has for this projection, and none of the others."""
        stopping = threading.Event()
        thread = threading.Thread(target=self._move, args=(projection, stopping))
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    def _move(self, projection: str, stopping: threading.Event) -> None:
        runner = self.runtime.projections.runner(projection, "benchmark")
        while not stopping.is_set():
            outcome = runner.step()
            if outcome.is_tail and outcome.position is not None:
                self.events.wait_beyond(outcome.position, 0.5)
        runner.release()

    @contextmanager
    def working(self) -> Iterator[None]:
        """With the threads of a worker: runners, followers, heartbeat."""
        worker = Worker(self.runtime)
        worker.start()
        try:
            yield
        finally:
            worker.stop()

    def __enter__(self) -> House:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.runtime.close()


def made(path: Path) -> Path:
    """A file with all tables and no events."""
    with House(path):
        return path
