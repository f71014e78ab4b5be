"""Customers who keep sending commands to a console that may die at any moment, and remember what they were answered."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.console_process import call

#: Answers that settle a request: stored now, stored before, or refused for good.
SETTLED = frozenset({200, 201, 404, 409, 422})
PASSWORD = "correct horse battery"
#: Seconds a console may take to settle the last request of each.
PATIENCE = 60


@dataclass(slots=True)
class Request:
    command: str
    fields: dict[str, Any]
    #: The same for every attempt, so that an attempt whose answer was lost can be repeated.
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def stored(self) -> bool:
        return self.status in (200, 201)


class Customer:
    """One thread's worth of requests. A request without an answer is repeated before anything new is asked."""

    def __init__(self, seed: str) -> None:
        self.answered: list[Request] = []
        self._rng = random.Random(seed)
        self._name = f"{seed}-{uuid.uuid4().hex[:6]}"
        self._pending: Request | None = None
        self._users: list[str] = []
        self._orders: list[str] = []

    def act(self, send: Callable[[Request], None]) -> None:
        """Raises what `send` raises when nobody answers."""
        request = self._pending = self._pending or self._next()
        send(request)
        if request.status in SETTLED:
            self._pending = None
            self.answered.append(request)
            self._learn(request)

    @property
    def waiting(self) -> bool:
        """Whether a request of theirs has no answer yet."""
        return self._pending is not None

    def _next(self) -> Request:
        chance = self._rng.random()
        if not self._users or chance < 0.05:
            number = len(self.answered)
            email = f"{self._name}-{number}@example.org"
            return Request("CreateUser", {"name": f"User {number}", "email": email, "password": PASSWORD})
        user_id = self._rng.choice(self._users)
        if chance < 0.08:
            return Request("DeleteUser", {"user_id": user_id})
        if chance < 0.15:
            return Request("UpdateUser", {"user_id": user_id, "name": f"Renamed {self._rng.random()}"})
        if self._orders and chance < 0.25:
            return Request("CancelOrder", {"order_id": self._rng.choice(self._orders), "reason": "changed my mind"})
        cents = self._rng.randrange(1, 100_000)
        return Request("PlaceOrder", {"user_id": user_id, "amount": f"{cents // 100}.{cents % 100:02}"})

    def _learn(self, request: Request) -> None:
        if not request.stored:
            return
        result = request.answer["result"]
        if request.command == "CreateUser":
            self._users.append(result["user_id"])
        elif request.command == "PlaceOrder":
            self._orders.append(result["order_id"])
        elif request.command == "DeleteUser":
            self._users.remove(request.fields["user_id"])


class Crowd:
    """All customers at once, each in a thread, from `start` until the console dies."""

    def __init__(self, customers: list[Customer], token: str) -> None:
        self._customers = customers
        self._token = token
        self._threads: list[threading.Thread] = []
        self._unexpected: list[str] = []
        self._leaving = threading.Event()

    def start(self, address: str) -> None:
        self._leaving.clear()
        self._threads = [
            threading.Thread(target=self._run, args=[each, address], daemon=True) for each in self._customers
        ]
        for thread in self._threads:
            thread.start()

    def leave(self) -> None:
        """Wait until each has its answer, or has noticed that nobody gives any; fail on answers that make no sense."""
        self._leaving.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in self._threads), "it answers, but never with what was done"
        assert self._unexpected == []

    def answered(self) -> list[Request]:
        return [request for customer in self._customers for request in customer.answered]

    def waiting(self) -> bool:
        return any(customer.waiting for customer in self._customers)

    def _run(self, customer: Customer, address: str) -> None:
        while customer.waiting or not self._leaving.is_set():
            try:
                customer.act(lambda request: self._send(address, request))
            except OSError:
                return

    def _send(self, address: str, request: Request) -> None:
        path, headers = f"/api/commands/{request.command}", {"Idempotency-Key": request.key}
        status, _, body = call(address, "POST", path, token=self._token, body=request.fields, headers=headers)
        if status not in SETTLED | {503}:
            self._unexpected.append(f"{request.command}: {status} {body[:300]!r}")
        request.status, request.answer = status, json.loads(body)
