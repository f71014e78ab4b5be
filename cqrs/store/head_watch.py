"""Waiting for the log to grow: woken at once by commits of this process, by looking regularly for all others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Seconds between two looks: short when a wait begins, longer while nothing happens.
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.05
_GROWTH = 1.5


class HeadWatch:
    """What wakes up is only a hint; whoever waits looks for himself."""

    def __init__(self) -> None:
        self._woken = threading.Condition()
        self._announced = 0
        self._closed = False

    def announce(self, position: int) -> None:
        """A commit of this process reached `position`."""
        with self._woken:
            self._announced = max(self._announced, position)
            self._woken.notify_all()

    def close(self) -> None:
        """Let all waits end now, and later ones not begin."""
        with self._woken:
            self._closed = True
            self._woken.notify_all()

    def wait_beyond(self, position: int, timeout_seconds: float, look: Callable[[], int]) -> bool:
        """Until `look()` is higher than `position`: True. False after the time-out or `close`."""
        deadline = time.monotonic() + timeout_seconds
        pause = FIRST_PAUSE
        while True:
            announced = self._announced
            if look() > position:
                return True
            left = deadline - time.monotonic()
            if left <= 0 or not self._pause(max(position, announced), min(pause, left)):
                return False
            pause = min(pause * _GROWTH, LONGEST_PAUSE)

    def _pause(self, beyond: int, seconds: float) -> bool:
        """Until a position beyond that is announced, even if it was since the last look. False when closed."""
        with self._woken:
            self._woken.wait_for(lambda: self._closed or self._announced > beyond, seconds)
            return not self._closed
