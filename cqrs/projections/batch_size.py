"""How many events the next batch has: more while its transaction is over soon, fewer where others wait for it."""

from __future__ import annotations

#: A transaction that takes longer is followed by a smaller one; one that takes a third of it, by a larger one.
LONGEST_SECONDS = 0.05


class BatchSize:
    def __init__(self, first: int, *, least: int = 1, most: int) -> None:
        self.events = min(first, most)
        self._least = min(least, most)
        self._most = most

    def adapt(self, applied: int, seconds: float) -> None:
        """What the last batch came to. One that was not full tells nothing of a larger one."""
        if seconds > LONGEST_SECONDS:
            self.events = max(self._least, self.events // 2)
        elif seconds < LONGEST_SECONDS / 3 and applied >= self.events:
            self.events = min(self._most, self.events * 2)
