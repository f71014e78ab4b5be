"""The order of the log on PostgreSQL in a campaign of many writers, beside a naive reader that loses events."""

from __future__ import annotations

import pytest

from tests.postgres import server_url
from tests.reliability.order_campaign import Outcome, Size, run

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    server_url()
    return run(Size.from_environment())


def test_a_reader_behind_the_safe_head_gets_every_event_once_and_in_order(outcome: Outcome) -> None:
    assert outcome.proven.missed(outcome.stored) == 0, outcome
    assert outcome.lost_acknowledged == 0, outcome
    assert outcome.proven.doubled == 0, outcome
    assert outcome.proven.in_order, outcome


def test_positions_burnt_by_rollbacks_are_proven_dead(outcome: Outcome) -> None:
    assert outcome.burnt > 0, "no transaction was rolled back: the campaign is too small"
    assert outcome.dead == outcome.burnt


def test_the_naive_reader_loses_events_in_the_same_campaign(outcome: Outcome) -> None:
    assert outcome.naive.missed(outcome.stored) > 0, "even the transaction that it overtook was seen"
