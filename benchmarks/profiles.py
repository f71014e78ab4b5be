"""Where the time goes, by function: written down whenever a goal is missed."""

from __future__ import annotations

import cProfile
import io
import pstats
from collections.abc import Callable


def top_lines(work: Callable[[], object], count: int = 18) -> list[str]:
    """The functions that cost most by themselves. The profiler makes small functions look dearer than they are."""
    profiler = cProfile.Profile()
    profiler.enable()
    work()
    profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(count)
    lines = text.getvalue().splitlines()
    head = next(n for n, line in enumerate(lines) if "ncalls" in line)
    return [line.rstrip() for line in lines[head:] if line.strip()]
