"""A running system of the example domain in one SQLite file, as the programs build it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from cqrs.runtime import Runtime, build_runtime
from cqrs.workers.worker import Worker

from cqrs.example import domain
from cqrs.settings import load_settings
from cqrs.store.event_store import EventStore


class House:
    def __init__(self, path: Path) -> None:
        """Opens the file, and makes its tables when it is new."""
        self.path = path
        settings = load_settings(
            {"DATABASE_URL": f"sqlite:///{path}", "SECRET_KEY": "0" * 64, "DEMO": "0"}, root=path.parent
        )
        self.runtime: Runtime = build_runtime(settings, [domain])
        self.runtime.init()

    @property
    def events(self) -> EventStore:
        return self.runtime.events

    def catch_up(self, projection: str, until: int | None = None) -> None:
        """Fold the log into the projection, in this thread, to its end or at least to a position."""
        runner = self.runtime.projections.runner(projection, "benchmark")
        while not (outcome := runner.step()).is_tail:
            if until is not None and outcome.position >= until:
                return

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
