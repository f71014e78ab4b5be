"""Live demo traffic: one command at a time, whatever is refused."""

from __future__ import annotations

import random
from collections import Counter

from cqrs.example import trickle
from cqrs.example.orders import CancelOrder, PlaceOrder
from cqrs.example.seed import seed
from cqrs.example.users import CreateUser
from cqrs.runtime import Runtime


def test_in_an_empty_shop_the_first_customer_registers(runtime: Runtime) -> None:
    trickle.trickle(runtime, random.Random(1))
    (event,) = runtime.events.read_all()
    assert (event.type, event.actor) == ("UserCreated", "demo")


def test_most_customers_order(runtime: Runtime) -> None:
    seed(runtime, customers=40, orders=100)
    runtime.projections.catch_up()
    rng = random.Random(1)
    commands = Counter(type(trickle.plausible(runtime, rng)) for _ in range(400))
    assert commands.most_common(1)[0][0] is PlaceOrder
    assert commands[CancelOrder] > 0
    assert 0 < commands[CreateUser] < 100


def test_traffic_goes_on_whatever_is_refused(runtime: Runtime) -> None:
    seed(runtime, customers=20, orders=30)
    runtime.projections.catch_up()
    before, rng = runtime.events.head(), random.Random(2)
    for _ in range(60):
        trickle.trickle(runtime, rng)
    runtime.projections.catch_up()
    assert runtime.events.head() > before + 40
    assert all(status.parked == 0 and status.failure is None for status in runtime.projections.statuses())
