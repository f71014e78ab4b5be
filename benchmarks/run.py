"""`make bench`: run all benchmarks, or those named, print ratios and write them to benchmarks/results.

    python -m benchmarks.run [append] [replay] [visible] [beside] [catch-up] [across] [pages] [rows] [drift]
                             [replay-postgres] [writers-postgres] [catch-up-postgres] [across-postgres] [pages-postgres]
                             [rows-postgres] [drift-postgres]

BENCH_REPLAY_EVENTS, BENCH_PAGE_EVENTS (200000 each), BENCH_PAGE_ROWS (20000) and BENCH_REPETITIONS (3, never fewer)
change the size.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks import (
    across,
    append,
    beside,
    catch_up,
    drift,
    pages,
    replay,
    replay_postgres,
    row_pages,
    visible,
    writers,
)
from benchmarks.measure import Result, machine, say
from benchmarks.postgres_server import NotHere

BENCHMARKS = {
    "append": append.run,
    "replay": replay.run,
    "visible": visible.run,
    "beside": beside.run,
    "catch-up": catch_up.on_sqlite,
    "across": across.on_sqlite,
    "pages": pages.on_sqlite,
    "rows": row_pages.on_sqlite,
    "drift": drift.on_sqlite,
    "replay-postgres": replay_postgres.run,
    "writers-postgres": writers.run,
    "catch-up-postgres": catch_up.on_postgres,
    "across-postgres": across.on_postgres,
    "pages-postgres": pages.on_postgres,
    "rows-postgres": row_pages.on_postgres,
    "drift-postgres": drift.on_postgres,
}


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
        try:
            for result in BENCHMARKS[name](Path(folder)):
                result.write()
                say("\n" + "\n".join(result.lines()))
                results.append(result)
        except NotHere as why:
            say(f"\n{name} is skipped: {why}.")
    return results


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
