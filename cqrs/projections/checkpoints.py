"""Waiting for a checkpoint: told at once by the runners of this process, by looking again for those of others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

#: Between two looks: a fifth of how long the wait has been, within these bounds.
SHORTEST_PAUSE_SECONDS = 0.005
LONGEST_PAUSE_SECONDS = 0.05
_SHARE_OF_WAIT = 0.2


class Checkpoints:
    """`read` returns the live checkpoint of every projection."""

    def __init__(self, read: Callable[[], Mapping[str, int]]) -> None:
        self._read = read
        self._moved = threading.Condition()
        self._seen: dict[str, int] = {}

    def advanced(self, name: str, position: int) -> None:
        """To be called after the commit."""
        with self._moved:
            self._seen[name] = position
            self._moved.notify_all()

    def wait(self, names: Collection[str], position: int, timeout_seconds: float) -> int:
        """Until all of `names` have reached `position`; returns the lowest they have reached, which is less after
        a time-out. Without names nothing is waited for."""
        began = time.monotonic()
        deadline = began + timeout_seconds
        # A runner of this process will tell: asking the database meanwhile would only take its time.
        told = timeout_seconds > 0 and self._told_of(names)
        reached = 0 if told else self._reached(names, position)
        while reached < position and (now := time.monotonic()) < deadline:
            pause = min(max(SHORTEST_PAUSE_SECONDS, (now - began) * _SHARE_OF_WAIT), LONGEST_PAUSE_SECONDS)
            with self._moved:
                self._moved.wait_for(lambda: self._all_seen(names, position), min(pause, deadline - now))
            reached = self._reached(names, position)
        return reached

    def _told_of(self, names: Collection[str]) -> bool:
        return bool(names) and all(name in self._seen for name in names)

    def _reached(self, names: Collection[str], position: int) -> int:
        if self._all_seen(names, position):
            return position
        stored = self._read()
        return min((stored.get(name, 0) for name in names), default=position)

    def _all_seen(self, names: Collection[str], position: int) -> bool:
        return all(self._seen.get(name, 0) >= position for name in names)
