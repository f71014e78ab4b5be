"""The check of the next rows behind those that were looked at last, so that in turn all are.

A pass goes along all rows, then along the keys of all events that have none. Where it stands is written down
together with what was found, so after a crash nothing is looked at twice, or left out.
"""

from __future__ import annotations

import operator
from dataclasses import replace

import sqlalchemy as sa

from cqrs.drift.bench import Bench
from cqrs.drift.checks import Also
from cqrs.drift.coverage import ROWS, Pass
from cqrs.drift.key_walk import START, KeyWalk, Place
from cqrs.readmodels.generation import GenerationId
from cqrs.readmodels.keys import key_of_text

#: The cursor of a check that has come as far as it was to.
OVER = "over"


def check_next(bench: Bench) -> Also:
    """For some time, or to the end of the pass."""
    if bench.tally.check.cursor != OVER:
        _go_on(bench)
    return lambda connection: None


def _go_on(bench: Bench) -> None:
    generation, walk = bench.judge.live().id, bench.walk()
    here = bench.coverages.enter_pass(bench.name, generation, bench.count_rows)
    bench.tally.tell(rows=here.rows)
    until = bench.monotonic() + bench.sizes.rolling_seconds
    place: Place | None = walk.place(Place(here.part, here.after).encoded()) or START
    first = here
    over = False
    while place is not None and not over:
        place = walk.chunk(place)
        if place is None or place.lasting:
            here = _moved(here, place, first.seen + walk.rows)
            over = place is None or bench.monotonic() >= until
            bench.tally.tell(method=_method(first, here, walk, ended=place is None))
            _save(bench, generation, here, cursor=OVER if over else "", ended=place is None)


def _moved(here: Pass, place: Place | None, seen: int) -> Pass:
    part, after = (here.part, here.after) if place is None else (place.part, place.after)
    return replace(here, part=part, after=after, seen=seen)


def _save(bench: Bench, generation: GenerationId, here: Pass, *, cursor: str, ended: bool) -> None:
    check = bench.tally.check

    def move(connection: sa.Connection) -> None:
        bench.coverages.move_pass(
            connection,
            check.projection,
            generation,
            here,
            check=check.id,
            at=check.started_at,
            over=lambda upto: _is_behind(bench, here.after, upto),
            ended=ended,
        )

    bench.tally.save(cursor, also=move)


def _is_behind(bench: Bench, here: str | None, upto: str) -> bool:
    """Whether the pass stands behind the key `upto`, as the database orders keys; a key that is none is no mark."""
    model = bench.judge.model
    one, other = (None if text is None else key_of_text(text, model) for text in (here, upto))
    try:
        return other is None or (one is not None and bool(operator.ge(one, other)))
    except TypeError:
        return True


def _method(first: Pass, here: Pass, walk: KeyWalk, *, ended: bool) -> str:
    parts = []
    if walk.rows:
        parts.append(f"rows {first.seen + 1:,} to {here.seen:,} of {here.rows:,}")
    if here.part != ROWS or ended:
        parts.append("keys of events that have no row")
    told = ", then ".join(parts) or "no rows, for there are none"
    return f"{told[0].upper()}{told[1:]}, in key order: {'the end of' if ended else 'part of'} pass {here.number:,}."
