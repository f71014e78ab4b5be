"""Orders: what may be asked of them (commands), what happened to them (events), and the rules between the two."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from cqrs import Aggregate, Command, Event, UnitOfWork, event
from cqrs.example.users import ID, User, UserId, existing_user

NO_ORDER = "There is no order with this id."

OrderId = Annotated[
    str,
    Meta(pattern=ID, description="The id that PlaceOrder answered with.", extra={"sentence": NO_ORDER}),
]

#: At most 12 digits, though a Money column holds 15: a thousand of the largest orders still add up exactly.
Amount = Annotated[Decimal, Meta(extra={"minimum": "0.01", "scale": 2, "max_digits": 12})]
Reason = Annotated[str, Meta(pattern=r"\S", max_length=500)]
Instant = Annotated[datetime, Meta(tz=True)]


# What happened


@event("OrderPlaced")
class OrderPlaced(Event):
    """`customer` is the user's name at that moment."""

    summary = "{customer} placed order {order_id:.8} for {amount}"

    order_id: str
    user_id: str
    customer: str
    amount: Decimal
    ordered_at: Instant


@event("OrderCancelled")
class OrderCancelled(Event):
    """Repeats user, amount and time of the order: a projection that adds up orders sees only this event."""

    summary = "Order {order_id:.8} for {amount} was cancelled: {reason}"

    order_id: str
    user_id: str
    amount: Decimal
    ordered_at: Instant
    reason: str


# What may be asked


class PlaceOrder(Command):
    """Places an order for an existing user."""

    user_id: UserId
    amount: Amount


class CancelOrder(Command):
    """Cancels an order, once. That the user was deleted meanwhile does not matter."""

    order_id: OrderId
    reason: Reason

    def stream_of(self) -> str:
        return f"order-{self.order_id}"


# The rules


class Order(Aggregate):
    category: ClassVar[str] = "order"

    user_id: str
    amount: Decimal
    ordered_at: datetime
    status: Literal["absent", "placed", "cancelled"] = "absent"

    def place(self, user: User, amount: Decimal, now: datetime) -> None:
        self.record(OrderPlaced(order_id=self.id, user_id=user.id, customer=user.name, amount=amount, ordered_at=now))

    def cancel(self, reason: str) -> None:
        self.record(
            OrderCancelled(
                order_id=self.id, user_id=self.user_id, amount=self.amount, ordered_at=self.ordered_at, reason=reason
            )
        )

    def apply(self, event: Event) -> None:
        match event:
            case OrderPlaced():
                self.user_id, self.amount, self.ordered_at = event.user_id, event.amount, event.ordered_at
                self.status = "placed"
            case OrderCancelled():
                self.status = "cancelled"


def place_order(command: PlaceOrder, unit: UnitOfWork) -> Mapping[str, str]:
    user = existing_user(unit, command.user_id)
    order = Order(unit.new_id())
    order.place(user, command.amount, unit.now)
    unit.save(order)
    return {"order_id": order.id}


def cancel_order(command: CancelOrder, unit: UnitOfWork) -> Mapping[str, str]:
    order = unit.load(Order, command.order_id)
    if order.status == "absent":
        unit.invalid(order_id=NO_ORDER)
    if order.status == "cancelled":
        unit.invalid(order_id="This order is cancelled already.")
    order.cancel(command.reason.strip())
    unit.save(order)
    return {"order_id": order.id}
