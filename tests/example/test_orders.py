"""Orders: what may be asked of them, and what is refused in which words."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cqrs.errors import InvalidMessage
from cqrs.example.orders import NO_ORDER, CancelOrder, OrderCancelled, OrderPlaced, PlaceOrder
from cqrs.example.users import NO_USER, UserCreated, UserDeleted
from cqrs.messages import Context, summary_of
from cqrs.testing import THE_MOMENT, Scenario
from cqrs.validation import build

ADA = UserCreated(user_id="ada", name="Ada Lovelace", email="ada@example.org")
GONE = UserDeleted(user_id="ada", name="Ada Lovelace")
ORDERED = datetime(2025, 12, 30, 23, 59, tzinfo=UTC)
PLACED = OrderPlaced(order_id="1", user_id="ada", customer="Ada Lovelace", amount=Decimal("12.50"), ordered_at=ORDERED)
CANCELLED = OrderCancelled(
    order_id="1", user_id="ada", amount=Decimal("12.50"), ordered_at=ORDERED, reason="ordered twice"
)


def test_an_order_names_its_customer_and_its_time(scenario: Scenario) -> None:
    scenario.given("user-ada", ADA).when(PlaceOrder(user_id="ada", amount=Decimal("12.5")))
    scenario.then(
        OrderPlaced(
            order_id=scenario.id(),
            user_id="ada",
            customer="Ada Lovelace",
            amount=Decimal("12.50"),
            ordered_at=THE_MOMENT,
        )
    )
    scenario.then_result(order_id=scenario.id())


def test_nobody_orders_who_is_not_there(scenario: Scenario) -> None:
    scenario.when(PlaceOrder(user_id="ada", amount=Decimal(5))).then_refused(user_id=NO_USER)


def test_nobody_orders_who_left(scenario: Scenario) -> None:
    scenario.given("user-ada", ADA, GONE)
    scenario.when(PlaceOrder(user_id="ada", amount=Decimal(5))).then_refused(user_id=NO_USER)


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("0", "This must be 0.01 or more."),
        ("-5.00", "This must be 0.01 or more."),
        ("1.005", "Give at most 2 decimal places."),
        ("1.000", "Give at most 2 decimal places."),
        ("12345678901.00", "Give at most 10 digits before the point."),
        ("NaN", "This must be a number, such as 12.50."),
        (True, "This must be a number, such as 12.50."),
    ],
)
def test_an_amount_is_a_positive_decimal_of_two_places(amount: object, sentence: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        build(PlaceOrder, {"user_id": "ada", "amount": amount}, strict=True)
    assert refused.value.errors == {"amount": [sentence]}


@pytest.mark.parametrize("amount", ["0.01", "9999999999.99"])
def test_the_smallest_and_the_largest_amount_are_taken(scenario: Scenario, amount: str) -> None:
    scenario.given("user-ada", ADA).when(PlaceOrder(user_id="ada", amount=Decimal(amount)))
    scenario.then_result(order_id=scenario.id())


def test_a_cancellation_repeats_the_order(scenario: Scenario) -> None:
    scenario.given("order-1", PLACED).when(CancelOrder(order_id="1", reason=" ordered twice "))
    scenario.then(CANCELLED).then_result(order_id="1")


def test_the_order_of_a_deleted_user_can_be_cancelled(scenario: Scenario) -> None:
    scenario.given("user-ada", ADA, GONE).given("order-1", PLACED)
    scenario.when(CancelOrder(order_id="1", reason="ordered twice")).then(CANCELLED)


def test_an_order_is_cancelled_once(scenario: Scenario) -> None:
    scenario.given("order-1", PLACED, CANCELLED).when(CancelOrder(order_id="1", reason="again"))
    scenario.then_refused(order_id="This order is cancelled already.")


def test_an_order_that_was_never_placed_cannot_be_cancelled(scenario: Scenario) -> None:
    scenario.when(CancelOrder(order_id="1", reason="ordered twice")).then_refused(order_id=NO_ORDER)


def test_a_reason_is_more_than_blanks(scenario: Scenario) -> None:
    scenario.given("order-1", PLACED).when(CancelOrder(order_id="1", reason="  "))
    scenario.then_refused(reason="This must not be blank.")


def test_the_time_of_an_order_is_the_time_of_the_command(scenario: Scenario) -> None:
    scenario.given("user-ada", ADA)
    scenario.when(PlaceOrder(user_id="ada", amount=Decimal(5)), Context(now=ORDERED))
    scenario.then(
        OrderPlaced(
            order_id=scenario.id(), user_id="ada", customer="Ada Lovelace", amount=Decimal("5.00"), ordered_at=ORDERED
        )
    )


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (ADA, "Ada Lovelace registered as ada@example.org"),
        (GONE, "Ada Lovelace left, user ada was deleted"),
        (PLACED, "Ada Lovelace placed order 1 for 12.50"),
        (CANCELLED, "Order 1 for 12.50 was cancelled: ordered twice"),
    ],
)
def test_events_read_as_sentences(event: OrderPlaced, sentence: str) -> None:
    assert summary_of(event) == sentence
