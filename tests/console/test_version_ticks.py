"""Ticks on the scrubber of a stream."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cqrs.console.version_ticks import MOST_TICKS, NEAREST, ticks


def test_a_short_stream_shows_every_version() -> None:
    assert [tick.version for tick in ticks(14, 9)] == list(range(1, 15))
    assert [tick.x for tick in ticks(3, 1)] == [0.0, 50.0, 100.0]


@pytest.mark.parametrize("latest", [21, 143, 999, 1_000, 54_321])
@pytest.mark.parametrize("share", [0.0, 0.013, 0.5, 0.97, 1.0])
def test_a_long_one_keeps_its_ends_and_the_version_shown(latest: int, share: float) -> None:
    at = max(1, round(latest * share))
    found = ticks(latest, at)
    versions = [tick.version for tick in found]
    assert len(found) <= MOST_TICKS + 3
    assert at in versions
    assert versions == sorted(versions)
    assert all(later.x - earlier.x >= NEAREST for earlier, later in pairwise(found))
    if 0.1 < share < 0.9:
        assert {1, latest} <= set(versions)


def test_one_version_is_one_tick() -> None:
    assert [(tick.version, tick.x) for tick in ticks(1, 1)] == [(1, 0.0)]
