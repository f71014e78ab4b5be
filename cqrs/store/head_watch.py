"""Waiting for the log to grow: woken at once by commits of this process, by looking regularly for all others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Seconds between two looks: a twentieth of how long nothing has happened, within these bounds.
SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.05
_SHARE_OF_QUIET = 0.05


class HeadWatch:
    """What wakes up is only a hint; whoever waits looks for himself. Of many who wait, one looks for all."""

    def __init__(self) -> None:
        self._woken = threading.Condition()
        #: Grows with every sign that the log may have grown.
        self._signs = 0
        self._seen = 0
        self._grew_at = time.monotonic()
        self._watched = False
        self._closed = False

    def announce(self, position: int) -> None:
        """A commit of this process reached `position`."""
        with self._woken:
            self._tell(position)

    def close(self) -> None:
        """Let all waits end now, and later ones not begin."""
        with self._woken:
            self._closed = True
            self._woken.notify_all()

    def wait_beyond(self, position: int, timeout_seconds: float, look: Callable[[], int]) -> bool:
        """Until `look()` is higher than `position`: True. False after the time-out or `close`."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            signs = self._signs
            found = look()
            if found > position:
                self._share(found)
                return True
            if time.monotonic() >= deadline or not self._pause(signs, deadline):
                return False

    def _share(self, found: int) -> None:
        """What one has seen the others need not find out for themselves."""
        with self._woken:
            if found > self._seen:
                self._tell(found)

    def _tell(self, position: int) -> None:
        self._signs += 1
        self._seen = max(self._seen, position)
        self._grew_at = time.monotonic()
        self._woken.notify_all()

    def _pause(self, signs: int, deadline: float) -> bool:
        """Until there was a sign, even during the last look, or it is this thread's turn to look. False when closed."""

        def woken() -> bool:
            return self._closed or self._signs != signs

        with self._woken:
            self._woken.wait_for(lambda: woken() or not self._watched, deadline - time.monotonic())
            if not (woken() or self._watched):
                self._watched = True
                quiet = time.monotonic() - self._grew_at
                pause = min(max(SHORTEST_PAUSE, quiet * _SHARE_OF_QUIET), LONGEST_PAUSE)
                self._woken.wait_for(woken, min(pause, deadline - time.monotonic()))
                self._watched = False
                self._woken.notify()
            return not self._closed
