"""The check of all rows, and of all keys that should have one."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.drift.bench import Bench
from cqrs.drift.check import Check
from cqrs.drift.checks import Also
from cqrs.drift.key_walk import ABSENT, START, KeyWalk, Place
from cqrs.drift.tally import Unsteady, not_deterministic

#: Derived twice before anything is compared: keys, and events at most.
TWICE_KEYS, TWICE_EVENTS = 1_000, 2_000

ALL = "All rows and the keys of all events, in key order."


def check_all(bench: Bench, method: str = ALL) -> Also:
    """Returns what is to be written with the verdict. Goes on where a crash stopped it. Raises Unsteady."""
    tally, walk = bench.tally, bench.walk()
    place = _begun(bench, walk)
    if place is None:
        if tally.check.saves:
            tally.restart()
        bench.claim_foreign_writes()
        tally.tell(rows=bench.count_rows(), method=method)
        _derive_twice(bench)
        place = START
    while (following := walk.chunk(place)) is not None:
        if following.lasting and tally.due:
            tally.save(following.encoded())
        place = following
    tally.all_seen = True
    return lambda connection: _cover(bench, connection, tally.check)


def _begun(bench: Bench, walk: KeyWalk) -> Place | None:
    cursor = bench.tally.check.cursor
    place = walk.place(cursor) if cursor else None
    if place is not None and place.part == ABSENT:
        walk.skip(set(bench.tally.found_keys()))
    return place


def _cover(bench: Bench, connection: sa.Connection, check: Check) -> None:
    if check.generation_id is not None and check.position is not None:
        bench.coverages.see_all(connection, check.projection, check.generation_id, check.id, check.started_at)
        bench.coverages.verify(connection, check.projection, check.generation_id, check.position)


def _derive_twice(bench: Bench) -> None:
    """What differs from itself must not be called drift."""
    bench.run.phase("derive twice")
    judge = bench.judge
    snapshot = judge.snapshots.chunk(judge.model, None, TWICE_KEYS)
    keys = [row.key for row in snapshot.rows if row.key is not None and row.text not in snapshot.parked]
    positions = judge.deriver.positions(keys, snapshot.live.position)
    until = positions[TWICE_EVENTS - 1] if len(positions) > TWICE_EVENTS else snapshot.live.position
    unsteady = judge.differs_from_itself(keys, until)
    if unsteady:
        raise Unsteady(not_deterministic(unsteady))
