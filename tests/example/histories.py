"""Random histories of the shop, harsher than its commands allow, and what follows from them, written down plainly.

Users are deleted and come back under the same id, things happen to users who are gone, orders of the gone are
cancelled, and some users were stored by version 1 of the program.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from cqrs.store.records import NewEvent

Rows = dict[str, dict[str, Any]]

START = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
CITIES = ("Berlin", "Wien", "København", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """An event as it lies in the log."""

    stream: str
    type: str
    data: dict[str, Any]
    at: datetime
    schema_version: int = 1


def stored_event(kind: str, schema_version: int, data: dict[str, Any], at: datetime | None = None) -> NewEvent:
    """An event as a program of that time would have appended it."""
    event_id = str(uuid.uuid4())
    return NewEvent(
        type=kind,
        schema_version=schema_version,
        data=msgspec.json.encode(data),
        event_id=event_id,
        correlation_id=event_id,
        causation_id=None,
        actor="test",
        recorded_at=at,
    )


class Shop:
    """Draws one happening after the other from few users and orders, so that they meet often."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = START
        self.users = [str(uuid.UUID(int=rng.getrandbits(128))) for _ in range(4)]
        self.living: set[str] = set()
        self.orders: list[dict[str, Any]] = []

    def next(self) -> Happening:
        self.now += timedelta(minutes=self.rng.randint(0, 300), microseconds=self.rng.randint(0, 999_999))
        user = self.rng.choice(self.users)
        chance = self.rng.random()
        if user not in self.living and chance < 0.3:
            return self.created(user)
        if chance < 0.5:
            return self.placed(user)
        if chance < 0.7 and self.orders:
            return self.cancelled(self.orders.pop(self.rng.randrange(len(self.orders))))
        if chance < 0.88:
            return self.updated(user)
        return self.deleted(user)

    def created(self, user: str) -> Happening:
        self.living.add(user)
        name, email = f"Name {self.rng.randint(0, 99)}", f"{self.rng.randint(0, 99)}@example.org"
        if self.rng.random() < 0.4:
            return self.happening("user", user, "UserCreated", {"id": user, "name": name, "email": email})
        data = {"user_id": user, "name": name, "email": email, "city": self.rng.choice(CITIES)}
        return self.happening("user", user, "UserCreated", data, schema_version=2)

    def updated(self, user: str) -> Happening:
        data = {"user_id": user, "name": f"Näme {self.rng.randint(0, 99)}", "city": self.rng.choice(CITIES)}
        return self.happening("user", user, "UserUpdated", data)

    def deleted(self, user: str) -> Happening:
        self.living.discard(user)
        return self.happening("user", user, "UserDeleted", {"user_id": user, "name": "Gone"})

    def placed(self, user: str) -> Happening:
        order = {
            "order_id": str(uuid.UUID(int=self.rng.getrandbits(128))),
            "user_id": user,
            "amount": str(Decimal(self.rng.randint(1, 10 ** self.rng.randint(2, 12))).scaleb(-2)),
            "ordered_at": self.now.isoformat().replace("+00:00", "Z"),
        }
        self.orders.append(order)
        return self.happening("order", order["order_id"], "OrderPlaced", {**order, "customer": "Someone"})

    def cancelled(self, order: dict[str, Any]) -> Happening:
        return self.happening("order", order["order_id"], "OrderCancelled", {**order, "reason": "changed my mind"})

    def happening(
        self, category: str, key: str, kind: str, data: dict[str, Any], *, schema_version: int = 1
    ) -> Happening:
        return Happening(stream=f"{category}-{key}", type=kind, data=data, at=self.now, schema_version=schema_version)


def random_history(seed: int, length: int) -> list[Happening]:
    shop = Shop(random.Random(seed))
    return [shop.next() for _ in range(length)]


def users_of(history: Sequence[Happening]) -> Rows:
    rows: Rows = {}
    for happening in history:
        data = happening.data
        match happening.type:
            case "UserCreated":
                user_id = data["id"] if happening.schema_version == 1 else data["user_id"]
                rows[user_id] = {
                    "user_id": user_id,
                    "name": data["name"],
                    "email": data["email"],
                    "city": data.get("city"),
                    "registered_at": happening.at,
                }
            case "UserUpdated" if data["user_id"] in rows:
                rows[data["user_id"]] |= {"name": data["name"], "city": data["city"]}
            case "UserDeleted":
                rows.pop(data["user_id"], None)
    return rows


def user_stats_of(history: Sequence[Happening]) -> Rows:
    """By looking back from each living user, instead of forward as the projection does."""
    return {user_id: stats_of(user_id, user, history) for user_id, user in users_of(history).items()}


def stats_of(user_id: str, user: dict[str, Any], history: Sequence[Happening]) -> dict[str, Any]:
    joined = max(n for n, h in enumerate(history) if h.type == "UserCreated" and user_id in h.data.values())
    since = [h for h in history[joined:] if h.data.get("user_id") == user_id]
    placed = [h for h in since if h.type == "OrderPlaced"]
    cancelled = [h for h in since if h.type == "OrderCancelled"]
    return {
        "user_id": user_id,
        "name": user["name"],
        "email": user["email"],
        "order_count": len(placed) - len(cancelled),
        "total_spent": total(placed) - total(cancelled),
        "last_order_at": placed[-1].at if placed else None,
    }


def orders_of(history: Sequence[Happening]) -> Rows:
    ended = {h.data["order_id"]: h for h in history if h.type == "OrderCancelled"}
    rows: Rows = {}
    for placed in (h for h in history if h.type == "OrderPlaced"):
        end = ended.get(placed.data["order_id"])
        rows[placed.data["order_id"]] = {
            "order_id": placed.data["order_id"],
            "user_id": placed.data["user_id"],
            "amount": Decimal(placed.data["amount"]),
            "status": "cancelled" if end else "placed",
            "ordered_at": placed.at,
            "cancelled_at": end.at if end else None,
            "reason": end.data["reason"] if end else None,
        }
    return rows


def daily_sales_of(history: Sequence[Happening]) -> Rows:
    cancelled = {h.data["order_id"] for h in history if h.type == "OrderCancelled"}
    by_day: dict[str, list[Happening]] = {}
    for placed in (h for h in history if h.type == "OrderPlaced"):
        by_day.setdefault(placed.data["ordered_at"][:10], []).append(placed)
    return {day: sales_of(day, placed, cancelled) for day, placed in by_day.items()}


def sales_of(day: str, placed: Sequence[Happening], cancelled: set[str]) -> dict[str, Any]:
    kept = [h for h in placed if h.data["order_id"] not in cancelled]
    return {
        "day": date.fromisoformat(day),
        "order_count": len(kept),
        "cancelled_count": len(placed) - len(kept),
        "revenue": total(kept),
    }


def total(orders: Sequence[Happening]) -> Decimal:
    return sum((Decimal(h.data["amount"]) for h in orders), Decimal(0))


#: What each read model must hold after a history, by name.
EXPECTED: Mapping[str, Callable[[Sequence[Happening]], Rows]] = {
    "users": users_of,
    "user_stats": user_stats_of,
    "orders": orders_of,
    "daily_sales": daily_sales_of,
}
