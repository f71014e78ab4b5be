"""What the read models answer about users."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cqrs.errors import InvalidMessage
from cqrs.example.orders import OrderCancelled, OrderPlaced
from cqrs.example.queries import FindUserByEmail, FindUsersByCity, GetUserById, GetUserStats
from cqrs.example.users import UserCreated, UserDeleted
from cqrs.runtime import Runtime
from cqrs.testing import THE_MOMENT, new_events

ORDERED = datetime(2025, 12, 24, 18, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _shop(runtime: Runtime) -> None:
    for number, city in enumerate(["London", "London", "Paris", "London"]):
        happened(
            runtime,
            f"user-{number}",
            UserCreated(user_id=str(number), name=f"User {number}", email=f"{number}@example.org", city=city),
        )
    for number, amount in enumerate(["10.00", "20.50", "5.00"]):
        happened(
            runtime,
            f"order-{number}",
            OrderPlaced(
                order_id=str(number), user_id="0", customer="User 0", amount=Decimal(amount), ordered_at=ORDERED
            ),
        )
    happened(
        runtime,
        "order-2",
        OrderCancelled(order_id="2", user_id="0", amount=Decimal("5.00"), ordered_at=ORDERED, reason="ordered twice"),
    )
    runtime.projections.catch_up()


def happened(runtime: Runtime, stream: str, event: UserCreated | UserDeleted | OrderPlaced | OrderCancelled) -> None:
    runtime.events.append(stream, new_events(runtime.types, [event], THE_MOMENT))


USER_0 = {
    "user_id": "0",
    "name": "User 0",
    "email": "0@example.org",
    "city": "London",
    "registered_at": THE_MOMENT,
}


def test_a_user_is_found_by_id(runtime: Runtime) -> None:
    answer = runtime.mediator.ask(GetUserById(user_id="0"))
    assert answer.value == USER_0
    assert answer.position == runtime.events.head()


def test_there_is_no_user_of_an_unknown_id(runtime: Runtime) -> None:
    assert runtime.mediator.ask(GetUserById(user_id="no such user")).value is None


def test_a_deleted_user_is_found_no_more(runtime: Runtime) -> None:
    happened(runtime, "user-0", UserDeleted(user_id="0", name="User 0"))
    runtime.projections.catch_up()
    for query in (GetUserById(user_id="0"), FindUserByEmail(email="0@example.org"), GetUserStats(user_id="0")):
        assert runtime.mediator.ask(query).value is None


@pytest.mark.parametrize("email", ["0@example.org", " 0@EXAMPLE.org "])
def test_a_user_is_found_by_address_however_it_is_written(runtime: Runtime, email: str) -> None:
    assert runtime.mediator.ask(FindUserByEmail(email=email)).value == USER_0


def test_users_are_found_by_city_page_by_page(runtime: Runtime) -> None:
    first = runtime.mediator.ask(FindUsersByCity(city="London", limit=2)).value
    assert [user["user_id"] for user in first["users"]] == ["0", "1"]
    second = runtime.mediator.ask(FindUsersByCity(city="London", limit=2, cursor=first["next"])).value
    assert [user["user_id"] for user in second["users"]] == ["3"]
    assert second["next"] is None


def test_a_city_where_nobody_lives_is_an_empty_page(runtime: Runtime) -> None:
    assert runtime.mediator.ask(FindUsersByCity(city="Rome")).value == {"users": [], "next": None}


@pytest.mark.parametrize("limit", [0, 201])
def test_a_page_holds_1_to_200_users(runtime: Runtime, limit: int) -> None:
    with pytest.raises(InvalidMessage, match="limit"):
        runtime.mediator.ask(FindUsersByCity(city="London", limit=limit))


def test_stats_leave_out_cancelled_orders_but_keep_the_time_of_the_last(runtime: Runtime) -> None:
    assert runtime.mediator.ask(GetUserStats(user_id="0")).value == {
        "user_id": "0",
        "name": "User 0",
        "email": "0@example.org",
        "order_count": 2,
        "total_spent": Decimal("30.50"),
        "last_order_at": ORDERED,
    }


@pytest.mark.parametrize(
    ("condition", "index"), [("email = '0@example.org'", "email"), ("city = 'London' AND user_id > '0'", "city")]
)
def test_looking_up_by_address_or_city_uses_an_index(runtime: Runtime, condition: str, index: str) -> None:
    with runtime.read.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN SELECT * FROM users WHERE {condition}").fetchall()
    assert f"{index}=?" in str(plan)
