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
    """Of many who wait one looks for all: a look is a round trip to a server, and five at once get in each other's
    way. An announcement only makes that one look now; what counts is what it finds."""

    def __init__(self) -> None:
        lock = threading.Lock()
        #: For the one who watches: there was a sign that the log may have grown.
        self._signalled = threading.Condition(lock)
        #: For all others: it has grown, or somebody else has to watch.
        self._told = threading.Condition(lock)
        self._signs = 0
        #: What the last look found.
        self._found = 0
        self._grew_at = time.monotonic()
        self._watched = False
        self._closed = False

    def announce(self) -> None:
        """This process has committed."""
        with self._signalled:
            self._signs += 1
            self._grew_at = time.monotonic()
            self._signalled.notify_all()

    def close(self) -> None:
        """Let all waits end now, and later ones not begin."""
        with self._signalled:
            self._closed = True
            self._signalled.notify_all()
            self._told.notify_all()

    def wait_beyond(self, position: int, timeout_seconds: float, look: Callable[[], int]) -> int:
        """What a look found that is higher than `position`: not one from before this call. 0 after the time-out or
        `close`."""
        deadline = time.monotonic() + timeout_seconds
        with self._told:
            if self._found <= position:  # else who looks finds it now, unless the log was put back
                self._told.wait_for(lambda: self._is_over(position) or not self._watched, timeout_seconds)
                if self._found > position:
                    return self._found
            mine = not self._watched
            self._watched = True
        try:
            return self._look_until(position, deadline, look)
        finally:
            if mine:
                self._hand_on()

    def _is_over(self, position: int) -> bool:
        return self._closed or self._found > position

    def _look_until(self, position: int, deadline: float, look: Callable[[], int]) -> int:
        while True:
            signs = self._signs
            found = look()
            self._tell(found)
            if found > position:
                return found
            if time.monotonic() >= deadline or not self._pause(signs, deadline):
                return 0

    def _tell(self, found: int) -> None:
        with self._told:
            if found > self._found:
                self._grew_at = time.monotonic()
                self._told.notify_all()
            self._found = found

    def _pause(self, signs: int, deadline: float) -> bool:
        """Until there was a sign, even during the last look, or it is time to look again. False when closed."""
        with self._signalled:
            now = time.monotonic()
            pause = min(max(SHORTEST_PAUSE, (now - self._grew_at) * _SHARE_OF_QUIET), LONGEST_PAUSE, deadline - now)
            self._signalled.wait_for(lambda: self._closed or self._signs != signs, pause)
            return not self._closed

    def _hand_on(self) -> None:
        with self._told:
            self._watched = False
            self._told.notify()
