"""Events to JSON and back: typed, exact, and upcast from every version that was ever stored."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from cqrs.errors import DomainFault, UndeclaredEvent, UnknownEventType, UnlistedEvent, UnreadableEvent
from cqrs.messages import Event, event
from cqrs.store.serialization import EventTypes, UpcastStep


def id_becomes_user_id(data: dict[str, Any]) -> dict[str, Any]:
    data["user_id"] = data.pop("id")
    return data


def gains_a_city(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "city": data.get("city")}


@event("UserCreated", version=3, upcasters={1: id_becomes_user_id, 2: gains_a_city})
class UserCreated(Event):
    user_id: str
    name: str
    city: str | None = None


@event("OrderPlaced")
class OrderPlaced(Event):
    order_id: str
    amount: Decimal
    placed_at: datetime
    deliver_on: date | None = None
    tags: tuple[str, ...] = ()
    rows: dict[int, Decimal] | None = None


class Undeclared(Event):
    n: int


@pytest.fixture
def types() -> EventTypes:
    return EventTypes([UserCreated, OrderPlaced])


ORDER = OrderPlaced(
    order_id="Zoë's",
    amount=Decimal("10.10"),
    placed_at=datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC),
    deliver_on=date(2026, 12, 1),
    tags=("gift",),
    rows={1: Decimal("0.10")},
)


class TestRoundTrip:
    def test_an_event_comes_back_equal(self, types: EventTypes) -> None:
        name, version, data = types.encode(ORDER)
        assert (name, version) == ("OrderPlaced", 1)
        assert types.decode(name, version, data) == ORDER
        assert types.decode(name, version, data.decode()) == ORDER
        assert types.decode(name, version, msgspec.Raw(data)) == ORDER

    def test_decimals_are_stored_as_exact_text(self, types: EventTypes) -> None:
        assert b'"amount":"10.10"' in types.encode(ORDER)[2]

    def test_fields_the_class_no_longer_has_are_passed_over(self, types: EventTypes) -> None:
        assert types.decode("UserCreated", 3, '{"user_id":"1","name":"Ada","age":36}').name == "Ada"

    def test_only_listed_classes_are_stored(self, types: EventTypes) -> None:
        with pytest.raises(UndeclaredEvent):
            types.encode(Undeclared(n=1))
        with pytest.raises(UnlistedEvent, match="OrderPlaced"):
            EventTypes([UserCreated]).encode(ORDER)

    def test_names_lead_to_classes(self, types: EventTypes) -> None:
        assert types.names() == ("UserCreated", "OrderPlaced")
        assert types.cls("UserCreated") is UserCreated
        assert types.cls("Forgotten") is None


class TestUpcasting:
    @pytest.mark.parametrize(
        ("version", "data"),
        [(1, '{"id":"1","name":"Ada"}'), (2, '{"user_id":"1","name":"Ada"}'), (3, '{"user_id":"1","name":"Ada"}')],
    )
    def test_every_version_is_read_as_todays(self, types: EventTypes, version: int, data: str) -> None:
        assert types.decode("UserCreated", version, data) == UserCreated(user_id="1", name="Ada")

    def test_typed_fields_survive_upcasting(self) -> None:
        @event("OrderPlaced", version=2, upcasters={1: lambda data: data})
        class NewOrderPlaced(OrderPlaced):
            pass

        upcast = EventTypes([NewOrderPlaced]).decode("OrderPlaced", 1, msgspec.json.encode(ORDER))
        assert msgspec.structs.asdict(upcast) == msgspec.structs.asdict(ORDER)

    def test_the_steps_are_shown_each_as_it_was(self, types: EventTypes) -> None:
        assert types.upcast("UserCreated", 1, '{"id":"1","name":"Ada"}') == [
            UpcastStep(1, {"id": "1", "name": "Ada"}),
            UpcastStep(2, {"user_id": "1", "name": "Ada"}),
            UpcastStep(3, {"user_id": "1", "name": "Ada", "city": None}),
        ]

    def test_an_event_of_today_has_one_step(self, types: EventTypes) -> None:
        assert types.upcast("UserCreated", 3, '{"user_id":"1"}') == [UpcastStep(3, {"user_id": "1"})]


class TestUnreadable:
    @pytest.mark.parametrize(
        ("version", "data", "why"),
        [
            (4, "{}", "knows the versions 1 to 3"),
            (0, "{}", "knows the versions 1 to 3"),
            (3, '{"user_id":"1"}', "name"),
            (3, '{"user_id":1,"name":"Ada"}', "str"),
            (3, "{broken", "malformed"),
            (3, b'{"user_id":"\xff","name":""}', "utf-8"),
            (1, "[]", "object"),
            (1, b'{"id":"\xff"}', "utf-8"),
            (1, '{"name":"Ada"}', "upcaster from version 1 failed with KeyError"),
        ],
    )
    def test_what_does_not_fit_says_why(self, types: EventTypes, version: int, data: str | bytes, why: str) -> None:
        with pytest.raises(UnreadableEvent, match=why) as refused:
            types.decode("UserCreated", version, data)
        assert refused.value.type == "UserCreated"

    def test_an_upcaster_must_return_data(self) -> None:
        @event("Renamed", version=2, upcasters={1: lambda data: None})  # type: ignore[arg-type, return-value]
        class Renamed(Event):
            name: str = ""

        with pytest.raises(UnreadableEvent, match="returned no dict"):
            EventTypes([Renamed]).decode("Renamed", 1, "{}")

    def test_unknown_types_are_told_apart(self, types: EventTypes) -> None:
        for read in (types.decode, types.upcast):
            with pytest.raises(UnknownEventType, match="Forgotten"):
                read("Forgotten", 1, "{}")


class TestChecks:
    def test_all_broken_chains_are_told_at_once(self) -> None:
        @event("Gap", version=4, upcasters={1: gains_a_city, 4: gains_a_city})
        class Gap(Event):
            pass

        @event("OrderPlaced")
        class Another(Event):
            pass

        with pytest.raises(DomainFault) as refused:
            EventTypes([Gap, OrderPlaced, Another])
        assert len(refused.value.faults) == 4
        text = str(refused.value)
        assert "Two event classes are stored as OrderPlaced" in text
        assert "from version 2 to 3" in text
        assert "from version 3 to 4" in text
        assert "from version 4 leads nowhere" in text

    def test_the_same_class_twice_is_once(self) -> None:
        assert EventTypes([OrderPlaced, OrderPlaced]).names() == ("OrderPlaced",)
