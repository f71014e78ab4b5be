"""How events become rows: pure functions from a row and an event to the row as it is afterwards."""

from __future__ import annotations

from datetime import UTC, date

import sqlalchemy as sa

from cqrs import DELETE, Metadata, Projection, WriteModelReference, on
from cqrs.example import read_models
from cqrs.example.credentials import credentials
from cqrs.example.orders import OrderCancelled, OrderPlaced
from cqrs.example.users import UserCreated, UserDeleted, UserUpdated
from cqrs.readmodels.rows import Row


class Users(Projection):
    """Who the users are now, to be found by id, e-mail address or city."""

    table = read_models.users
    write_model = WriteModelReference(sa.select(credentials.c.user_id, credentials.c.email), columns=("email",))

    @on(UserCreated, key="user_id", creates=True)
    def created(row: Row, event: UserCreated, meta: Metadata) -> None:
        row.name, row.email, row.city = event.name, event.email, event.city
        row.registered_at = meta.recorded_at

    @on(UserUpdated, key="user_id")
    def updated(row: Row, event: UserUpdated) -> None:
        row.name, row.city = event.name, event.city

    @on(UserDeleted, key="user_id")
    def deleted(row: Row, event: UserDeleted) -> object:
        return DELETE


class UserStats(Projection):
    """What each user ordered and spent. Cancelled orders do not count; the time of the last order stays."""

    table = read_models.user_stats

    @on(UserCreated, key="user_id", creates=True)
    def created(row: Row, event: UserCreated) -> None:
        row.name, row.email = event.name, event.email

    @on(UserUpdated, key="user_id")
    def updated(row: Row, event: UserUpdated) -> None:
        row.name = event.name

    @on(OrderPlaced, key="user_id")
    def ordered(row: Row, event: OrderPlaced) -> None:
        row.order_count += 1
        row.total_spent += event.amount
        row.last_order_at = event.ordered_at

    @on(OrderCancelled, key="user_id")
    def cancelled(row: Row, event: OrderCancelled) -> None:
        row.order_count -= 1
        row.total_spent -= event.amount

    @on(UserDeleted, key="user_id")
    def deleted(row: Row, event: UserDeleted) -> object:
        return DELETE


class Orders(Projection):
    """Every order and how it ended. Orders outlive the user who placed them."""

    table = read_models.orders

    @on(OrderPlaced, key="order_id", creates=True)
    def placed(row: Row, event: OrderPlaced) -> None:
        row.user_id, row.amount, row.ordered_at = event.user_id, event.amount, event.ordered_at
        row.status = "placed"

    @on(OrderCancelled, key="order_id")
    def cancelled(row: Row, event: OrderCancelled, meta: Metadata) -> None:
        row.status, row.reason, row.cancelled_at = "cancelled", event.reason, meta.recorded_at


def day_of_order(event: OrderPlaced | OrderCancelled) -> date:
    """A cancellation is taken off the day the order was placed, not the day it was cancelled."""
    return event.ordered_at.astimezone(UTC).date()


class DailySales(Projection):
    """Orders and revenue by UTC day of placing, cancelled orders left out.

    It stops at the first event it cannot apply: here a wrong figure is worse than a late one.
    """

    table = read_models.daily_sales
    on_error = "stop"

    @on(OrderPlaced, key=day_of_order, creates=True)
    def sold(row: Row, event: OrderPlaced) -> None:
        row.order_count += 1
        row.revenue += event.amount

    @on(OrderCancelled, key=day_of_order)
    def taken_back(row: Row, event: OrderCancelled) -> None:
        row.order_count -= 1
        row.cancelled_count += 1
        row.revenue -= event.amount
