"""However the events are cut into batches, and whoever folds them, the rows are those that plain Python finds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.example import domain
from cqrs.projections.engine import Sizes
from cqrs.projections.projections import Projections
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.runtime import Runtime
from cqrs.testing import temporary_runtime
from tests.example.histories import EXPECTED, Happening, Rows, random_history, stored_event
from tests.example.places import databases

SEEDS = range(6)
LENGTH = 250
NAMES = [projection.name for projection in domain.projections]


@dataclass
class World:
    runtime: Runtime
    history: list[Happening]


# In one SQLite file, or anywhere else they may be.
ELSEWHERE = [
    pytest.param((seed, place), id=f"{seed}-{place}", marks=pytest.mark.postgres)
    for seed, place in enumerate(("postgresql", "postgresql twice", "log on postgresql", "rows on postgresql"))
]


@pytest.fixture(scope="module", params=[*((seed, "sqlite") for seed in SEEDS), *ELSEWHERE], ids=str)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A random history in the log, which the live generations followed in bursts as it came in."""
    seed, place = request.param
    # A server is asked over and over where a file is only read: a part of the history has to do there.
    history, rng = random_history(seed, LENGTH)[: LENGTH if place == "sqlite" else 80], random.Random(seed)
    path, template = tmp_path_factory.mktemp("world"), partial(request.getfixturevalue, "migrated_template")
    with databases(place, template) as environ, temporary_runtime(path, domain, environ=environ) as runtime:
        for happening in history:
            append(runtime, happening)
            if rng.random() < 0.1:
                runtime.projections.catch_up()
        runtime.projections.catch_up()
        yield World(runtime, history)


def append(runtime: Runtime, happening: Happening) -> None:
    event = stored_event(happening.type, happening.schema_version, happening.data, happening.at)
    runtime.events.append(happening.stream, [event])


def live(runtime: Runtime, name: str) -> sa.Table:
    """What readers see."""
    return runtime.projections.definition(name).table


def one_by_one(runtime: Runtime, name: str) -> sa.Table:
    return built(runtime, name, Sizes(build=1))


def ten_thousand(runtime: Runtime, name: str) -> sa.Table:
    return built(runtime, name, Sizes(build=10_000))


def reloaded(runtime: Runtime, name: str) -> sa.Table:
    """Every few events a new runner takes over, which knows nothing but what is in the database."""
    return built(runtime, name, Sizes(build=7), steps_of_a_runner=1)


def built(runtime: Runtime, name: str, sizes: Sizes, steps_of_a_runner: int = 1_000) -> sa.Table:
    projections = Projections(
        [runtime.projections.definition(name)],
        events=runtime.events,
        types=runtime.types,
        store=SqlReadModelStore(runtime.read),
        sizes=sizes,
    )
    number, at_tail = projections.create_generation(name), False
    while not at_tail:
        runner = projections.runner(name, "test", generation=number)
        for _ in range(steps_of_a_runner):
            outcome = runner.step()
            assert (outcome.error, outcome.why) == (None, None)
            at_tail = outcome.is_tail
            if at_tail:
                break
        runner.release()
    return live(runtime, name).to_metadata(sa.MetaData(), name=f"{name}__g{number}")


def rows_in(runtime: Runtime, table: sa.Table) -> Rows:
    """By key as text; read from the database."""
    (key,) = table.primary_key.columns
    with runtime.read.read() as connection:
        rows = connection.execute(sa.select(table)).mappings()
        return {str(row[key]): dict(row) for row in rows}


def typed(rows: Rows) -> dict[str, dict[str, tuple[type, Any]]]:
    return {key: {name: (type(value), value) for name, value in row.items()} for key, row in rows.items()}


@pytest.mark.parametrize("way", [live, one_by_one, ten_thousand, reloaded])
@pytest.mark.parametrize("name", NAMES)
def test_rows_are_those_of_a_plain_fold(world: World, name: str, way: Callable[[Runtime, str], sa.Table]) -> None:
    found = rows_in(world.runtime, way(world.runtime, name))
    assert typed(found) == typed(EXPECTED[name](world.history))


def test_nothing_was_parked_and_nothing_failed(world: World) -> None:
    head = world.runtime.events.safe_head()
    assert head == len(world.history)
    assert all(
        (status.parked, status.failure, status.checkpoint) == (0, None, head)
        for status in world.runtime.projections.statuses()
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_histories_meet_what_is_hard(seed: int) -> None:
    """The tests above are worth what their histories hold."""
    history = random_history(seed, LENGTH)
    assert {("UserCreated", 1), ("UserCreated", 2)} < {(each.type, each.schema_version) for each in history}
    gone: set[str] = set()
    returned = ordered = cancelled = 0
    for happening in history:
        user = happening.data.get("user_id") or happening.data["id"]
        match happening.type:
            case "UserDeleted":
                gone.add(user)
            case "UserCreated":
                returned += user in gone
                gone.discard(user)
            case "OrderPlaced":
                ordered += user in gone
            case "OrderCancelled":
                cancelled += user in gone
    assert returned > 2
    assert ordered > 2
    assert cancelled > 2
