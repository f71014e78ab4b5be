"""The invented past: as long as asked, in the order of time, and nothing in it that could not have happened."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from cqrs.example.demo_history import Cancelled, Changed, Joined, Left, Ordered, Step, history
from cqrs.example.demo_people import address, people

END = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    return history(random.Random(1), end=END, customers=300, orders=5_000)


def count(steps: list[Step], kind: type[Step], where: Callable[..., bool] = lambda step: True) -> int:
    return sum(1 for step in steps if isinstance(step, kind) and where(step))


def test_history_has_the_asked_size_and_ends_now(steps: list[Step]) -> None:
    assert count(steps, Joined) == 300
    assert count(steps, Ordered) == 5_000
    assert END - timedelta(minutes=1) <= steps[-1].at <= END
    assert timedelta(days=88) < END - steps[0].at <= timedelta(days=90)


def test_history_is_told_in_the_order_of_time(steps: list[Step]) -> None:
    assert steps == sorted(steps, key=lambda step: step.at)


def test_nobody_acts_before_joining_or_after_leaving(steps: list[Step]) -> None:
    there: set[int] = set()
    for step in steps:
        match step:
            case Joined():
                there.add(step.customer)
            case Left():
                there.remove(step.customer)
            case Ordered() | Changed():
                assert step.customer in there


def test_an_order_is_cancelled_once_and_after_it_was_placed(steps: list[Step]) -> None:
    placed: set[int] = set()
    cancelled: set[int] = set()
    for step in steps:
        match step:
            case Ordered():
                placed.add(step.order)
            case Cancelled():
                assert step.order in placed - cancelled
                cancelled.add(step.order)
    assert 0.03 < len(cancelled) / len(placed) < 0.06


def test_orders_of_people_who_left_are_cancelled_afterwards(steps: list[Step]) -> None:
    left = {step.customer: step.at for step in steps if isinstance(step, Left)}
    assert count(steps, Cancelled, lambda step: step.customer in left and step.at > left[step.customer]) >= 3


def test_the_earliest_users_are_stored_the_old_way_and_have_no_city(steps: list[Step]) -> None:
    joins = [step for step in steps if isinstance(step, Joined)]
    old = [join for join in joins if join.old]
    assert 0 < len(old) < 50
    assert old == joins[: len(old)]
    assert all(join.city is None for join in old)


def test_trade_has_a_rhythm_and_grows(steps: list[Step]) -> None:
    hours = Counter(step.at.hour for step in steps if isinstance(step, Ordered))
    assert hours[19] > 4 * hours[3]
    middle = END - timedelta(days=45)
    assert count(steps, Ordered, lambda step: step.at > middle) > 1.3 * count(
        steps, Ordered, lambda step: step.at <= middle
    )


def test_a_few_customers_order_far_more_than_the_others(steps: list[Step]) -> None:
    orders = sorted(Counter(step.customer for step in steps if isinstance(step, Ordered)).values(), reverse=True)
    assert sum(orders[:10]) > 5_000 * 0.15


def test_amounts_are_positive_with_two_places(steps: list[Step]) -> None:
    amounts = [step.amount for step in steps if isinstance(step, Ordered)]
    assert all(amount > 0 and amount.as_tuple().exponent == -2 for amount in amounts)


def test_the_same_seed_tells_the_same_story() -> None:
    first, second, other = (history(random.Random(seed), end=END, customers=20, orders=100) for seed in (7, 7, 8))
    assert first == second != other


@pytest.mark.parametrize("seed", range(5))
def test_a_tiny_shop_has_a_history_too(seed: int) -> None:
    assert count(history(random.Random(seed), end=END, customers=1, orders=5), Ordered) == 5


def test_addresses_are_plain_and_never_come_twice() -> None:
    addresses = [email for _, email in islice(people(random.Random(3)), 500)]
    assert len(set(addresses)) == 500
    assert all(email.isascii() and email == email.casefold() for email in addresses)


def test_an_address_is_made_from_the_name() -> None:
    assert address("Zoë Kovač", random.Random(0)).startswith("zoe.kovac")
    assert address("Søren Lind", random.Random(0)).startswith("soren.lind")
