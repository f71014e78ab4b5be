"""How Python is set in the processes that do our work in several threads."""

from __future__ import annotations

import gc
import sys

#: Threads take turns every half millisecond: at the usual five, a busy page keeps a commit waiting under its lock.
SWITCH_SECONDS = 0.0005


def settle() -> None:
    """For a program, once everything is loaded: what is there stays. Else every full collection goes through all
    modules, 50 to 100 ms with all threads standing still, and a check of 200,000 events meets two of them."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
