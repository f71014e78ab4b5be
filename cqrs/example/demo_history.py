"""Ninety days of an invented shop, as a list of what its customers did and when. Pure: same numbers in, same list out.

The shop grows, sells more in the evening and before the weekend, has a few customers who order far more than the
others, and some who leave.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from cqrs.example.demo_people import CITIES, LAST_NAMES, people

#: Share of the orders of a day that fall into each hour (UTC), not normalised.
HOURS = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 11, 12, 11, 10, 10, 11, 13, 16, 18, 17, 13, 8, 4)
#: The same for the days of a week, from Monday.
WEEKDAYS = (1.0, 0.9, 0.9, 1.0, 1.25, 1.35, 0.8)

#: How prices end; with repetitions.
CENTS = ("0.00", "0.50", "0.90", "0.90", "0.95", "0.99", "0.99", "0.20", "0.45")

REASONS = ("ordered twice", "out of stock", "changed my mind", "found it cheaper", "wrong size", "delivery too slow")
OLD_SHARE = 0.08
CANCELLED_SHARE = 0.04
LEAVING_SHARE = 0.05
CHANGING_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something a customer did. Customers and orders are numbered; ids come into being when the step is played."""

    at: datetime
    customer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Step):
    name: str
    email: str
    city: str | None
    old: bool  # as the program of that time would have stored it


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Step):
    name: str | None
    city: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left(Step):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered(Step):
    order: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Step):
    order: int
    reason: str


def history(rng: random.Random, *, end: datetime, customers: int, orders: int, days: int = 90) -> list[Step]:
    """All steps in the order of their times; the last ones lie minutes before `end`, none after it."""
    joins = list(joining(rng, end, customers, days))
    exits = {join.customer: leaving(rng, join, end) for join in joins[1:] if rng.random() < LEAVING_SHARE}
    bought = list(ordering(rng, joins, exits, end, orders, days))
    steps: list[Step] = [*joins, *(Left(at=at, customer=customer) for customer, at in exits.items()), *bought]
    steps += cancelling(rng, bought, exits)
    steps += changing(rng, joins, exits, end)
    return sorted((step for step in steps if step.at <= end), key=lambda step: step.at)


def joining(rng: random.Random, end: datetime, customers: int, days: int) -> Iterator[Joined]:
    """A third came in the first days, the others since; the earliest were stored by an older program."""
    start = end - timedelta(days=days)
    early = customers // 3
    times = sorted(start + timedelta(days=rng.uniform(0, 2)) for _ in range(early))
    times += sorted(rhythmic(rng, start + timedelta(days=2), end, customers - early))
    newcomers = people(rng)
    for customer, at in enumerate(times):
        old = customer < customers * OLD_SHARE
        name, email = next(newcomers)
        city = None if old or rng.random() < 0.12 else rng.choice(CITIES)
        yield Joined(at=at, customer=customer, name=name, email=email, city=city, old=old)


def leaving(rng: random.Random, join: Joined, end: datetime) -> datetime:
    return join.at + (end - join.at) * rng.uniform(0.4, 0.97)


def ordering(
    rng: random.Random, joins: list[Joined], exits: dict[int, datetime], end: datetime, orders: int, days: int
) -> Iterator[Ordered]:
    appetite = [min(rng.paretovariate(1.1), 40.0) for _ in joins]
    first = joins[0].at + timedelta(minutes=5)
    times = sorted(rhythmic(rng, first, end, orders))
    times[-1:] = [max(times[-1], end - timedelta(seconds=40))] if times else []
    for order, at in enumerate(times):
        there = [j.customer for j in joins if j.at < at and exits.get(j.customer, end) >= at]
        customer = rng.choices(there, [appetite[c] for c in there])[0]
        yield Ordered(at=at, customer=customer, order=order, amount=amount(rng))


def rhythmic(rng: random.Random, start: datetime, end: datetime, count: int) -> list[datetime]:
    """`count` moments between the two, denser at busy hours, on busy weekdays, and the later the denser."""
    length = (end - start).total_seconds()
    moments: list[datetime] = []
    while len(moments) < count:
        at = start + timedelta(seconds=rng.uniform(0, length))
        growth = 0.4 + 0.6 * (at - start).total_seconds() / length
        busy = HOURS[at.hour] / max(HOURS) * WEEKDAYS[at.weekday()] / max(WEEKDAYS)
        if rng.random() < growth * busy:
            moments.append(at)
    return moments


def amount(rng: random.Random) -> Decimal:
    """Around 45, seldom above 500, and priced the way shops price."""
    euros = min(int(math.exp(rng.gauss(3.8, 0.8))), 1_900) + 4
    return euros + Decimal(rng.choice(CENTS))


def cancelling(rng: random.Random, bought: list[Ordered], exits: dict[int, datetime]) -> Iterator[Cancelled]:
    """Some orders are cancelled within days; so is the last order of who leaves, often after leaving."""
    last = {step.customer: step.order for step in bought if step.customer in exits}
    for step in bought:
        if last.get(step.customer) == step.order and rng.random() < 0.7:
            at = exits[step.customer] + timedelta(hours=rng.uniform(0.2, 30))
            yield Cancelled(at=at, customer=step.customer, order=step.order, reason="account closed")
        elif rng.random() < CANCELLED_SHARE:
            at = step.at + timedelta(hours=rng.expovariate(1 / 20))
            yield Cancelled(at=at, customer=step.customer, order=step.order, reason=rng.choice(REASONS))


def changing(rng: random.Random, joins: list[Joined], exits: dict[int, datetime], end: datetime) -> Iterator[Changed]:
    """People move, and some take another name."""
    for join in joins:
        if rng.random() < CHANGING_SHARE:
            at = join.at + (exits.get(join.customer, end) - join.at) * rng.uniform(0.02, 0.98)
            name = f"{join.name.split()[0]} {rng.choice(LAST_NAMES)}" if rng.random() < 0.2 else None
            city = rng.choice(CITIES) if name is None or rng.random() < 0.5 else None
            yield Changed(at=at, customer=join.customer, name=name, city=city)
