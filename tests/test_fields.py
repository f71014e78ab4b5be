"""Fields of messages as forms and as JSON Schema."""

from __future__ import annotations

import enum
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from cqrs.fields import Field, fields_of, json_schema
from cqrs.messages import Command, MessageMeta, Secret

Price = Annotated[Decimal, Meta(extra={"minimum": "0.01", "scale": 2}, description="In euros.")]


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Line(msgspec.Struct):
    sku: str


class Order(Command):
    """Places an order."""

    customer: Annotated[str, Meta(min_length=2, max_length=5, pattern="^[A-Z]")]
    total: Price
    password: Annotated[Secret, Meta(min_length=8)]
    lines: Annotated[list[Line], Meta(min_length=1)]
    note: Annotated[str, Meta(max_length=9, description="For the driver.")] | None = None
    quantity: Annotated[int, Meta(gt=0, lt=100)] = 1
    size: Size = Size.SMALL
    discount: Price | None = None


def field(kind: Any, **default: Any) -> Field:
    """The field of a message that has only this one."""
    body = {"__annotations__": {"it": kind}, "__module__": __name__}
    return fields_of(MessageMeta("One", (Command,), body | default))[0]


def shown(cls: type[Command]) -> dict[str, tuple[str, str, bool]]:
    return {each.name: (each.type, each.type_text, each.required) for each in fields_of(cls)}


def test_each_field_has_an_input_and_its_type_in_words_in_the_order_of_the_class() -> None:
    assert list(shown(Order).items()) == [
        ("customer", ("text", "text, 2 to 5 characters", True)),
        ("total", ("decimal", "decimal, 2 places, 0.01 or more", True)),
        ("password", ("text", "text, at least 8 characters", True)),
        ("lines", ("json", "list as JSON, at least 1", True)),
        ("note", ("text", "text, at most 9 characters, optional", False)),
        ("quantity", ("integer", "whole number, 1 to 99, optional", False)),
        ("size", ("choice", "choice, optional", False)),
        ("discount", ("decimal", "decimal, 2 places, 0.01 or more, optional", False)),
    ]


def test_a_field_knows_its_limits_default_choices_and_help() -> None:
    customer, total, password, _lines, note, quantity, size, discount = fields_of(Order)
    assert (customer.min_length, customer.max_length, customer.pattern) == (2, 5, "^[A-Z]")
    assert (total.minimum, total.scale, total.help) == ("0.01", 2, "In euros.")
    assert password.secret
    assert not customer.secret
    assert note.help == "For the driver."
    assert (quantity.default, quantity.minimum, quantity.maximum) == (1, "1", "99")
    assert (size.default, size.choices) == ("s", ("s", "l"))
    assert (discount.minimum, discount.scale, discount.default) == ("0.01", 2, None)


@pytest.mark.parametrize(
    ("kind", "input_type"),
    [
        (str, "text"),
        (int, "integer"),
        (float, "number"),
        (Decimal, "decimal"),
        (bool, "boolean"),
        (Annotated[datetime, Meta(tz=True)], "datetime"),
        (date, "date"),
        (time, "time"),
        (Literal["a", "b"], "choice"),
        (Line, "json"),
        (dict[str, int], "json"),
        (int | str, "json"),
        (Any, "json"),
    ],
)
def test_every_type_has_an_input(kind: Any, input_type: str) -> None:
    assert field(kind).type == input_type


def test_a_default_is_plain_json() -> None:
    assert field(Decimal, it=Decimal("1.50")).default == "1.50"
    assert field(list[str], it=msgspec.field(default_factory=list)).default == []
    assert field(str).default is None


def test_the_schema_has_its_root_in_place_and_what_only_our_validation_knows() -> None:
    schema = json_schema(Order)
    assert (schema["title"], schema["type"], schema["description"]) == ("Order", "object", "Places an order.")
    assert schema["required"] == ["customer", "total", "password", "lines"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["total"] == {
        "type": ["string", "number"],
        "format": "decimal",
        "description": "In euros.",
        "minimum": 0.01,
        "multipleOf": 0.01,
    }
    assert schema["properties"]["discount"]["anyOf"][0]["multipleOf"] == 0.01
    assert (
        schema["properties"]["password"] | {"format": "password", "writeOnly": True}
        == (schema["properties"]["password"])
    )
    assert schema["properties"]["lines"]["items"] == {"$ref": "#/$defs/Line"}
    assert set(schema["$defs"]) == {"Line", "Size"}


def test_a_flat_message_needs_no_definitions() -> None:
    class Plain(Command):
        name: str

    assert "$defs" not in json_schema(Plain)
