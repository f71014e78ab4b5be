"""One write transaction at a time onto one SQLite file, in the order of a lock instead of SQLite's own lottery."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from weakref import WeakValueDictionary

from cqrs.errors import DatabaseBusy

#: A write transaction takes milliseconds; who has waited this long is told so instead of waiting for ever.
PATIENCE_SECONDS = 30.0


class WriteGate:
    """Hold it around a write transaction. SQLite's busy handler alone lets one eager writer starve the others."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> None:
        if self._holder == threading.get_ident():
            raise RuntimeError(f"This thread is already inside a write transaction on {self._name}: reuse it.")
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            raise DatabaseBusy(database=self._name)
        self._holder = threading.get_ident()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._holder = None
        self._lock.release()


# A lock only helps when everyone in the process has the same one: this has to be known process-wide.
_GATES: WeakValueDictionary[Path, WriteGate] = WeakValueDictionary()
_GATES_LOCK = threading.Lock()


def gate_of(path: Path) -> WriteGate:
    """The gate of a file, the same one for every spelling of its path."""
    resolved = path.resolve()
    with _GATES_LOCK:
        return _GATES.setdefault(resolved, WriteGate(str(path)))
