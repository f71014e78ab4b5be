"""Messages: their names, their versions, and what they never show."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec
import pytest

from cqrs.errors import UndeclaredEvent
from cqrs.messages import (
    Command,
    Context,
    Event,
    Role,
    Secret,
    event,
    event_name,
    event_version,
    message_name,
    secret_fields,
    summary_of,
    upcasters_of,
)


def renamed(data: dict[str, object]) -> dict[str, object]:
    return {"user_id": data["id"]}


@event("UserJoined", version=2, upcasters={1: renamed})
class Joined(Event):
    summary = "{user_id:.3} joined and paid {fee}"

    user_id: str
    fee: Decimal = Decimal("1.50")


class SignUp(Command):
    name: str
    password: Annotated[Secret, msgspec.Meta(min_length=8)]
    hint: Secret | None = None


def test_the_stored_name_is_the_declared_one_and_not_that_of_the_class() -> None:
    assert event_name(Joined) == "UserJoined"
    assert event_name(Joined(user_id="u")) == "UserJoined"
    assert event_version(Joined) == 2
    assert upcasters_of(Joined) == {1: renamed}


def test_a_subclass_has_no_stored_name_of_its_own() -> None:
    class JoinedTwice(Joined):
        pass

    with pytest.raises(UndeclaredEvent, match="JoinedTwice has no stored name"):
        event_name(JoinedTwice)


def test_a_command_is_called_by_the_name_of_its_class() -> None:
    assert message_name(SignUp) == message_name(SignUp(name="Ada", password="long enough")) == "SignUp"


def test_fields_are_given_by_name_so_that_their_order_may_change() -> None:
    with pytest.raises(TypeError, match="positional"):
        Joined("u")  # type: ignore[misc]


def test_an_optional_field_may_stand_before_a_required_one() -> None:
    class Paid(Event):
        note: str = ""
        amount: Decimal  # type: ignore[misc]

    assert Paid(amount=Decimal(1)).note == ""


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Joined(user_id="u").user_id = "v"
    with pytest.raises(FrozenInstanceError):
        Context().actor = "mallory"  # type: ignore[misc]


def test_secrets_are_not_in_what_a_log_or_traceback_shows() -> None:
    command = SignUp(name="Ada", password="correct horse", hint="battery staple")
    assert secret_fields(SignUp) == {"password", "hint"}
    assert repr(command) == "SignUp(name='Ada', password=********, hint=********)"
    assert f"{command}" == repr(command)
    assert "correct horse" not in str(list(command.__rich_repr__()))


def test_class_attributes_are_no_fields() -> None:
    assert Joined.__struct_fields__ == ("user_id", "fee")
    assert msgspec.json.encode(Joined(user_id="u")) == b'{"user_id":"u","fee":"1.50"}'


def test_an_event_is_shown_as_the_sentence_its_class_declares() -> None:
    assert summary_of(Joined(user_id="u-12345")) == "u-1 joined and paid 1.50"


def test_an_event_without_a_sentence_has_none() -> None:
    class Plain(Event):
        text: str

    assert summary_of(Plain(text="x")) is None


@pytest.mark.parametrize("template", ["{missing}", "{text:%Y}", "{text", "{}", "{text.nothing}", 7])
def test_a_sentence_that_does_not_fit_is_none_and_no_error(template: object) -> None:
    class Broken(Event):
        summary: ClassVar[str | None] = template  # type: ignore[assignment]
        text: str

    assert summary_of(Broken(text="x")) is None


def test_braces_in_a_value_are_no_template() -> None:
    assert summary_of(Joined(user_id="{x")) == "{x joined and paid 1.50"


def test_a_sentence_is_cut_when_a_value_is_very_long() -> None:
    class Said(Event):
        summary = "{text}"
        text: str

    shown = summary_of(Said(text="y" * 10_000))
    assert shown is not None
    assert len(shown) == 300
    assert shown.endswith("y…")


def test_a_role_may_do_what_those_before_it_may() -> None:
    allowed = {(role, needed) for role in Role for needed in Role if role.allows(needed)}
    assert allowed == {
        (Role.VIEWER, Role.VIEWER),
        (Role.OPERATOR, Role.VIEWER),
        (Role.OPERATOR, Role.OPERATOR),
        (Role.ADMIN, Role.VIEWER),
        (Role.ADMIN, Role.OPERATOR),
        (Role.ADMIN, Role.ADMIN),
    }
