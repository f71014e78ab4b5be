"""A batch has as many events as can be written while nobody has to wait for long."""

from __future__ import annotations

import pytest

from cqrs.projections.batch_size import LONGEST_SECONDS, BatchSize
from cqrs.projections.engine import Sizes
from tests.projections.conftest import DeskFactory
from tests.projections.library import append, borrowed, joined

QUICK, NEITHER, SLOW = LONGEST_SECONDS / 5, LONGEST_SECONDS / 2, LONGEST_SECONDS * 2


def test_it_grows_while_full_batches_are_written_quickly() -> None:
    size = BatchSize(1_000, most=4_500)
    for expected in (2_000, 4_000, 4_500, 4_500):
        size.adapt(size.events, QUICK)
        assert size.events == expected


def test_a_batch_that_was_not_full_or_took_some_time_leaves_it() -> None:
    size = BatchSize(1_000, most=4_000)
    size.adapt(999, QUICK)
    size.adapt(1_000, NEITHER)
    assert size.events == 1_000


def test_it_shrinks_where_others_waited_for_long() -> None:
    size = BatchSize(100, least=30, most=4_000)
    for expected in (50, 30, 30):
        size.adapt(1, SLOW)
        assert size.events == expected


def test_it_never_begins_with_more_than_the_most() -> None:
    size = BatchSize(1_000, least=1_000, most=7)
    size.adapt(7, SLOW)
    assert size.events == 7


def test_a_projection_far_behind_comes_to_the_same_in_batches_that_grow(
    new_desk: DeskFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cqrs.projections.batch_size.LONGEST_SECONDS", 1e9)
    desk = new_desk(sizes=Sizes(live=40, first=5, page=30))
    append(desk.events, *[joined(f"m{n}") for n in range(10)], *[borrowed(f"m{n % 10}") for n in range(190)])
    runner = desk.projections.runner("members", "worker")
    assert [runner.step().applied for _ in range(8)] == [5, 10, 20, 40, 40, 40, 40, 5]
    assert desk.rows("members") == desk.rows("members", desk.build("members"))
    assert all(row.values["loans"] == 19 for row in desk.read_models.page("members").rows)
