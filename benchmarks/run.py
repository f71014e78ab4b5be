"""`make bench`: run all benchmarks, or those named, print ratios and write them to benchmarks/results.

    python -m benchmarks.run [append] [replay] [visible] [beside]

BENCH_REPLAY_EVENTS (200000) and BENCH_REPETITIONS (3, never fewer) change the size.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import append, beside, replay, visible
from benchmarks.measure import Result, machine, say

BENCHMARKS = {"append": append.run, "replay": replay.run, "visible": visible.run, "beside": beside.run}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        say(f"There is no benchmark {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}.")
        return 2
    say(machine())
    results = [result for name in names or BENCHMARKS for result in measured(name)]
    below = [f"{result.name}: {goal.what}" for result in results for goal in result.goals if goal.below_floor]
    say(f"\nBelow the floor: {', '.join(below)}." if below else "\nNo figure is below its floor.")
    return 0


def measured(name: str) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for result in BENCHMARKS[name](Path(folder)):
            result.write()
            say("\n" + "\n".join(result.lines()))
            results.append(result)
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
