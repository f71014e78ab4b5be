"""What the benchmarks write and fold: orders of a shop, in the sizes and shapes the example domain really has."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cqrs.example.demo_history import amount
from cqrs.example.demo_people import CITIES, people
from cqrs.example.orders import OrderCancelled, OrderPlaced
from cqrs.example.users import UserCreated, UserUpdated
from cqrs.messages import Event

#: (stream, version in it, event)
Entry = tuple[str, int, Event]

EVENTS_PER_USER = 20
START = datetime(2026, 1, 1, tzinfo=UTC)


def entries(count: int, *, seed: int = 1, per_user: int = EVENTS_PER_USER) -> Iterator[Entry]:
    """`count` events: one in twenty (`per_user`) is a new user, 4 % of the others cancel a recent order, 1 % move a
    user."""
    shop = Shop(random.Random(seed), per_user)
    versions: dict[str, int] = {}
    for number in range(count):
        stream, event = shop.next(number)
        versions[stream] = versions.get(stream, 0) + 1
        yield stream, versions[stream], event


class Shop:
    def __init__(self, rng: random.Random, per_user: int = EVENTS_PER_USER) -> None:
        self._rng = rng
        self._per_user = per_user
        self._users: list[UserCreated] = []
        self._open: list[OrderPlaced] = []

    def next(self, number: int) -> tuple[str, Event]:
        chance = self._rng.random()
        if number % self._per_user == 0:
            user = self._newcomer(number)
            return f"user-{user.user_id}", user
        if chance < 0.01:
            user = self._rng.choice(self._users)
            moved = UserUpdated(user_id=user.user_id, name=user.name, city=self._rng.choice(CITIES))
            return f"user-{user.user_id}", moved
        if self._open and chance < 0.05:
            order = self._open.pop(self._rng.randrange(len(self._open)))
            return f"order-{order.order_id}", cancelled(order)
        order = placed(self._rng, self._rng.choice(self._users), START + timedelta(seconds=10 * number))
        self._open = [*self._open[-49:], order]
        return f"order-{order.order_id}", order

    def _newcomer(self, number: int) -> UserCreated:
        name, email = next(people(self._rng))
        city = self._rng.choice(CITIES)
        self._users.append(UserCreated(user_id=uid(self._rng), name=name, email=f"{number}.{email}", city=city))
        return self._users[-1]


def placed(rng: random.Random, user: UserCreated, now: datetime) -> OrderPlaced:
    return OrderPlaced(order_id=uid(rng), user_id=user.user_id, customer=user.name, amount=amount(rng), ordered_at=now)


def cancelled(order: OrderPlaced) -> OrderCancelled:
    return OrderCancelled(
        order_id=order.order_id,
        user_id=order.user_id,
        amount=order.amount,
        ordered_at=order.ordered_at,
        reason="changed my mind",
    )


def uid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
