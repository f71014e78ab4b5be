"""How often one browser session may ask: a token bucket each, in the memory of this process."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

from cqrs.errors import TooManyRequests

PER_SECOND = 20.0
BURST = 100.0
#: More sessions than this are forgotten, the longest unseen first: cookies are made up for free.
MOST_SESSIONS = 10_000


class RateLimit:
    """`seconds` is a monotonic clock."""

    def __init__(self, seconds: Callable[[], float], *, per_second: float = PER_SECOND, burst: float = BURST) -> None:
        self._seconds = seconds
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def spend(self, key: str) -> None:
        """Raises TooManyRequests when the bucket of `key` is empty."""
        with self._lock:
            now = self._seconds()
            left, at = self._buckets.pop(key, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._per_second)
            self._buckets[key] = (left - 1 if left >= 1 else left, now)
            if len(self._buckets) > MOST_SESSIONS:
                self._buckets.popitem(last=False)
        if left < 1:
            raise TooManyRequests(retry_after=math.ceil((1 - left) / self._per_second))
