"""The check of some rows at random, and what it tells of all of them."""

from __future__ import annotations

import random

from cqrs.drift.bench import Bench
from cqrs.drift.checks import Also
from cqrs.drift.estimate import estimate
from cqrs.drift.full_check import check_all

CHUNK_ROWS = 1_000


def check_sample(bench: Bench) -> Also:
    """Rows are drawn each as likely as any other, so that they tell of the rest; of keys that should have a row and
    have none, those of as many random events are looked at. Begins again after a crash."""
    tally, size = bench.tally, bench.sizes.sample_rows
    rows = bench.count_rows()
    if rows <= size:
        also = check_all(bench, "All rows and the keys of all events: there are no more rows than a sample has.")
        check = tally.check
        tally.tell(estimate=estimate(rows, rows, min(rows, check.extra + check.changed)))
        return also
    if tally.check.saves:
        tally.restart()
    sampled = _draw(bench, size)
    check = tally.check
    tally.tell(rows=rows, estimate=estimate(rows, sampled, check.extra + check.changed))
    events = _look_at_events(bench, size)
    tally.tell(method=f"{sampled:,} of {rows:,} rows at random, and keys without a row among {events:,} random events.")
    return lambda connection: None


def _draw(bench: Bench, size: int) -> int:
    bench.run.phase("random rows", total=size)
    seen: set[str] = set()
    while len(seen) < size:
        judged, snapshot = bench.judge.random_rows(min(CHUNK_ROWS, size - len(seen)), seen)
        bench.tally.take(judged)
        seen.update(row.text for row in snapshot.rows)
        bench.run.progress(len(seen))
        if not snapshot.rows:
            break
    return len(seen)


def _look_at_events(bench: Bench, size: int) -> int:
    until = bench.judge.live().position
    positions = sorted(random.sample(range(1, until + 1), min(size, until)))
    bench.run.phase("keys of random events", total=len(positions))
    met: set[str] = set()
    for start in range(0, len(positions), CHUNK_ROWS):
        texts = bench.keys.keys_at(bench.name, positions[start : start + CHUNK_ROWS]) - met
        met |= texts
        bench.tally.take(bench.judge.without_row(sorted(texts)))
        bench.run.progress(min(start + CHUNK_ROWS, len(positions)))
    return len(positions)
