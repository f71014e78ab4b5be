"""A worker in a process of its own, whose handlers may end that process: no error, nothing given back, just gone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from cqrs.identifiers import new_id
from cqrs.projections.engine import Sizes
from cqrs.projections.projection import Projection, on
from cqrs.store.opening import open_database
from tests.projections.library import BookBorrowed, BookPassedOn, Members, both
from tests.reliability.desk import Desk, run_to_end
from tests.reliability.replay_processes import context

#: So short that nobody has to wait for the lease of the dead.
LEASE_SECONDS = 0.2
#: A batch of a build is ten pieces, and one of those ten events.
SIZES = Sizes(live=10, build=100, page=25, kept_rows=1_000)
#: A live batch grows to as much.
GROWING = replace(SIZES, live=100, first=10)
KILLED = 137


class Deadly(Members):
    """Reading one book is the end, whoever reads it; passing it on is too."""

    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        if event.book == "Necronomicon":
            os._exit(KILLED)
        row.loans += 1
        row.owed += event.fee

    @on(BookPassedOn, key=both)
    def passed_on(row: Any, event: BookPassedOn) -> None:
        if row.key == "victim":
            os._exit(KILLED)


class DeadlyAndStrict(Deadly):
    on_error = "stop"


def deadly_key(event: BookBorrowed) -> str:
    if event.book == "Necronomicon":
        os._exit(KILLED)
    return event.member_id


class DeadlyToTouch(Members):
    """Not even the key of the event can be asked for."""

    @on(BookBorrowed, key=deadly_key)
    def borrowed(row: Any, event: BookBorrowed) -> None:
        row.loans += 1
        row.owed += event.fee


def open_desk(url: str, projection: type[Projection], sizes: Sizes = SIZES) -> Desk:
    database = open_database(url, root=Path())
    return Desk(database, database, projections=(projection,), sizes=sizes, lease_seconds=LEASE_SECONDS)


def work(url: str, projection: type[Projection], generation: int | None, idle: bool, sizes: Sizes) -> None:
    """Move the projection to the end of the log. An `idle` worker is then killed, another one leaves properly."""
    desk = open_desk(url, projection, sizes)
    owner = f"worker {new_id()}"
    runner = desk.projections.runner("members", owner, generation=generation)
    while not (outcome := run_to_end(runner)).is_tail and not _watches(desk, owner):
        assert outcome.delay  # the lease of the dead
    if idle:
        os._exit(KILLED)
    runner.release()


def _watches(desk: Desk, owner: str) -> bool:
    newest = desk.store.generations()[1][-1]
    return newest.halted and newest.owner == owner


def live_once(
    url: str,
    projection: type[Projection],
    *,
    generation: int | None = None,
    idle: bool = False,
    sizes: Sizes = SIZES,
) -> int:
    """How that worker ended: 0, or KILLED."""
    process = context().Process(target=work, args=[url, projection, generation, idle, sizes])
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode
