"""Demo data: plays an invented history into an empty log, at the times it is said to have happened."""

from __future__ import annotations

import random
import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from cqrs import Command, Context, Expected, Runtime
from cqrs.example.credentials import TAKEN, grant, hash_password
from cqrs.example.demo_history import Cancelled, Changed, Joined, Left, Ordered, Step, history
from cqrs.example.orders import CancelOrder, PlaceOrder
from cqrs.example.users import DeleteUser, UpdateUser, UserCreated
from cqrs.identifiers import derived_id
from cqrs.store.records import NewEvent, StateWrite, StreamAppend, Work

ACTOR = "demo"
CUSTOMERS = 300
ORDERS = 5_000


def seed(runtime: Runtime, *, customers: int = CUSTOMERS, orders: int = ORDERS) -> None:
    """Fill an empty log with about 90 days of trade that end now. The same ids and names come out every time."""
    rng = random.Random(1815)
    shop = Shop(runtime, rng)
    for step in history(rng, end=runtime.clock() - timedelta(seconds=5), customers=customers, orders=orders):
        shop.play(step)


class Shop:
    """Plays steps through the same commands that people use, except for signing up: see `join`."""

    def __init__(self, runtime: Runtime, rng: random.Random) -> None:
        self._runtime = runtime
        self._rng = rng
        self._users: dict[int, str] = {}
        self._orders: dict[int, str] = {}
        # One hash for all, of a password nobody knows: a good hash takes 100 ms, 300 of them half a minute.
        self._password_hash = hash_password(secrets.token_urlsafe())

    def play(self, step: Step) -> None:
        match step:
            case Joined():
                self._join(step)
            case Ordered():
                placed = self._send(PlaceOrder(user_id=self._users[step.customer], amount=step.amount), step)
                self._orders[step.order] = str(placed["order_id"])
            case Cancelled():
                self._send(CancelOrder(order_id=self._orders[step.order], reason=step.reason), step)
            case Changed():
                self._send(UpdateUser(user_id=self._users[step.customer], name=step.name, city=step.city), step)
            case Left():
                self._send(DeleteUser(user_id=self._users[step.customer]), step)

    def _send(self, command: Command, step: Step) -> Mapping[str, object]:
        context = Context(actor=ACTOR, command_id=self._id(), now=step.at)
        return self._runtime.mediator.send(command, context=context).result

    def _join(self, step: Joined) -> None:
        """What CreateUser does, but with the hash that is there already and, for early users, with the old event."""
        user_id = self._users[step.customer] = self._id()
        command_id = self._id()
        created = NewEvent(
            **(self._old_event(user_id, step) if step.old else self._event(user_id, step)),
            event_id=derived_id(command_id, 0),
            correlation_id=command_id,
            causation_id=command_id,
            actor=ACTOR,
            recorded_at=step.at,
        )
        self._runtime.events.commit(
            Work(
                command_id=command_id,
                correlation_id=command_id,
                appends=(StreamAppend(stream=f"user-{user_id}", events=(created,), expected=Expected.NO_STREAM),),
                writes=(StateWrite(statement=grant(user_id, step.email, self._password_hash), unique=TAKEN),),
                key=None,
                result={"user_id": user_id},
            )
        )

    def _event(self, user_id: str, step: Joined) -> dict[str, Any]:
        event = UserCreated(user_id=user_id, name=step.name, email=step.email, city=step.city)
        name, version, data = self._runtime.types.encode(event)
        return {"type": name, "schema_version": version, "data": data}

    def _old_event(self, user_id: str, step: Joined) -> dict[str, Any]:
        data = {"id": user_id, "name": step.name, "email": step.email}
        return {"type": "UserCreated", "schema_version": 1, "data": msgspec.json.encode(data)}

    def _id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
