"""A running system of the example domain in one SQLite file, as the programs build it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from cqrs.example import domain
from cqrs.runtime import Runtime, build_runtime
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

    def __enter__(self) -> House:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.runtime.close()
