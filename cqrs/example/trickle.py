"""A little live traffic for the demo, so that the console breathes."""

from __future__ import annotations

import random

from cqrs import Command, Context, EventFilter, InvalidMessage, Runtime
from cqrs.example.demo_history import REASONS, amount
from cqrs.example.demo_people import CITIES, people
from cqrs.example.orders import CancelOrder, PlaceOrder
from cqrs.example.queries import FindUsersByCity
from cqrs.example.users import CreateUser, DeleteUser, UpdateUser

ACTOR = "demo"
RECENT = EventFilter(types=("OrderPlaced",))


def trickle(runtime: Runtime, rng: random.Random) -> None:
    """Send one command that a customer might send now. A refusal, say of a second cancellation, is part of life."""
    try:
        runtime.mediator.send(plausible(runtime, rng), context=Context(actor=ACTOR))
    except InvalidMessage:
        return


def plausible(runtime: Runtime, rng: random.Random) -> Command:
    """Most customers order; some cancel, move, join or leave."""
    user_id = some_customer(runtime, rng)
    chance = rng.random()
    if user_id is None or chance < 0.06:
        return newcomer(rng)
    if chance < 0.10:
        return UpdateUser(user_id=user_id, city=rng.choice(CITIES))
    if chance < 0.11:
        return DeleteUser(user_id=user_id)
    order_id = some_order(runtime, rng)
    if order_id is not None and chance < 0.16:
        return CancelOrder(order_id=order_id, reason=rng.choice(REASONS))
    return PlaceOrder(user_id=user_id, amount=amount(rng))


def newcomer(rng: random.Random) -> CreateUser:
    name, email = next(people(rng))
    return CreateUser(name=name, email=email, password=f"{rng.getrandbits(64):016x}", city=rng.choice(CITIES))


def some_customer(runtime: Runtime, rng: random.Random) -> str | None:
    """Someone from a city drawn by lot, as the read model knows it; None in an empty shop."""
    for city in rng.sample(CITIES, 8):
        answer = runtime.mediator.ask(FindUsersByCity(city=city, limit=200)).value
        there = answer["users"] if isinstance(answer, dict) else []
        if there:
            return str(rng.choice(there)["user_id"])
    return None


def some_order(runtime: Runtime, rng: random.Random) -> str | None:
    recent = runtime.events.read_back(limit=50, where=RECENT)
    return rng.choice(recent).stream.removeprefix("order-") if recent else None
