"""The interval of a sample holds the truth as often as it says."""

from __future__ import annotations

import random

import pytest

from cqrs.drift.estimate import estimate, interval


@pytest.mark.parametrize(("rows", "differing"), [(1_000, 0), (1_000, 3), (1_000, 200), (400, 399)])
def test_the_truth_is_in_the_interval_in_at_least_95_of_100_samples(rows: int, differing: int) -> None:
    draw = random.Random(7)
    held = 0
    for _ in range(400):
        found = sum(number < differing for number in draw.sample(range(rows), 60))
        low, high = interval(rows, 60, found)
        held += low <= differing <= high
    assert held >= 380


def test_it_is_as_narrow_as_that_allows() -> None:
    # What the tables of the hypergeometric distribution say: 0 of 3,000 leaves no more than 0.123 % of a million.
    assert interval(1_000_000, 3_000, 0) == (0, 1_227)
    assert interval(10, 5, 1) == (1, 5)


def test_a_sample_of_all_leaves_no_doubt() -> None:
    for differing in (0, 3, 100):
        assert interval(100, 100, differing) == (differing, differing)
    assert (estimate(0, 0, 0).low, estimate(0, 0, 0).high) == (0, 0)


def test_what_is_found_is_there_at_least() -> None:
    for found in range(21):
        low, high = interval(50, 20, found)
        assert found <= low <= high <= 30 + found
