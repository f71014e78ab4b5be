"""Waiting for what other threads do, without sleeping blindly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def wait_until(happened: Callable[[], bool], timeout: float = 30.0, *, every: float = 0.01) -> None:
    """Return as soon as `happened()` is true, which is asked `every` so many seconds; fail the test with the
    condition's name after `timeout` seconds."""
    pause = threading.Event()
    deadline = time.monotonic() + timeout
    while not happened():
        if time.monotonic() > deadline:
            name = getattr(happened, "__name__", repr(happened))
            raise AssertionError(f"{name} did not come true within {timeout} s")
        pause.wait(every)
