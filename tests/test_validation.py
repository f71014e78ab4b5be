"""Outside data into messages: all faults at once, each with its path."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from cqrs.errors import InvalidMessage
from cqrs.json_text import read_json
from cqrs.messages import Command, Message, MessageMeta, Secret
from cqrs.validation import build, revalidate

NUL = "This contains a NUL character, which cannot be stored."
HALF = "This contains half a character (a lone surrogate), which cannot be stored."
NUMBER = "This must be a number, such as 12.50."
INT64 = "This must be between -9223372036854775808 and 9223372036854775807."
UNKNOWN = "There is no field of this name."
MISSING = "This field is required."

Money = Annotated[Decimal, Meta(extra={"minimum": "0.01", "scale": 2, "max_digits": 9})]


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Line(msgspec.Struct):
    sku: str
    quantity: Annotated[int, Meta(ge=1, le=99)] = 1


class Order(Command):
    customer: Annotated[str, Meta(min_length=2, max_length=5)]
    total: Money
    lines: Annotated[list[Line], Meta(min_length=1)]
    due: Annotated[datetime, Meta(tz=True)] | None = None
    size: Size = Size.SMALL
    gift: bool = False


def errors_of(cls: type[Message], raw: Mapping[str, object], *, strict: bool = True) -> Mapping[str, Any]:
    with pytest.raises(InvalidMessage) as caught:
        build(cls, raw, strict=strict)
    return caught.value.errors


def one(kind: Any) -> type[Message]:
    """A message with one field."""
    return MessageMeta("One", (Command,), {"__annotations__": {"it": kind}, "__module__": __name__})


def fault(kind: Any, value: object, *, strict: bool = True) -> str:
    (sentence,) = errors_of(one(kind), {"it": value}, strict=strict)["it"]
    return str(sentence)


def taken(kind: Any, value: object, *, strict: bool = True) -> object:
    return build(one(kind), {"it": value}, strict=strict).it  # type: ignore[attr-defined]


def test_all_faults_of_all_fields_are_told_at_once_and_by_path() -> None:
    raw = {
        "customer": "A",
        "total": "1.999",
        "lines": [{"sku": 7, "quantity": 0}, {"quantity": 1}, "lamp"],
        "due": "2026-01-31T14:30:00",
        "size": "m",
        "gift": "yes",
        "totl": 1,
    }
    assert errors_of(Order, raw) == {
        "totl": [UNKNOWN + " Did you mean total?"],
        "customer": ["Give at least 2 characters."],
        "total": ["Give at most 2 decimal places."],
        "lines[0].sku": ["This must be text."],
        "lines[0].quantity": ["This must be 1 or more."],
        "lines[1].sku": [MISSING],
        "lines[2]": ["This must be an object."],
        "due": ["This must be a time with its zone, such as 2026-01-31T14:30:00Z."],
        "size": ["Choose one of: s, l."],
        "gift": ["This must be true or false."],
    }


def test_what_is_valid_becomes_a_message_with_its_defaults() -> None:
    order = build(Order, {"customer": "Ada", "total": "5", "lines": [{"sku": "lamp"}]}, strict=True)
    assert order == Order(customer="Ada", total=Decimal("5.00"), lines=[Line(sku="lamp", quantity=1)])


def test_nothing_given_is_a_fault_of_each_required_field_only() -> None:
    assert errors_of(Order, {}) == {"customer": [MISSING], "total": [MISSING], "lines": [MISSING]}


# Money


@pytest.mark.parametrize("given", ["12.5", "12.50", 12.5, Decimal("12.5"), Decimal("12.50")])
def test_money_is_taken_as_text_or_number_and_brought_to_its_places(given: object) -> None:
    assert str(taken(Money, given)) == "12.50"


def test_a_number_in_json_is_read_as_it_is_written() -> None:
    assert read_json(b'{"it": 0.1, "big": 9999999.99, "n": 3}') == {
        "it": Decimal("0.1"),
        "big": Decimal("9999999.99"),
        "n": 3,
    }


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("1.001", "Give at most 2 decimal places."),
        (Decimal("10.000"), "Give at most 2 decimal places."),
        ("0", "This must be 0.01 or more."),
        ("-5", "This must be 0.01 or more."),
        ("12345678", "Give at most 7 digits before the point."),
        ("1E+999999999", "Give at most 7 digits before the point."),
        pytest.param(10**4000, "Give at most 7 digits before the point.", id="4001 digits"),
        (Decimal("NaN"), "This must be a finite number."),
        (Decimal("sNaN"), "This must be a finite number."),
        (Decimal("Infinity"), "This must be a finite number."),
        (float("inf"), "This must be a finite number."),
        ("NaN", NUMBER),
        ("Infinity", NUMBER),
        ("1_000", NUMBER),
        ("١٢", NUMBER),
        ("12,50", NUMBER),
        ("", NUMBER),
        pytest.param("9" * 5000, NUMBER, id="5000 digits"),
        (True, NUMBER),
        (None, NUMBER),
        ([], NUMBER),
    ],
)
def test_what_is_not_money_is_refused_and_never_rounded(value: object, sentence: str) -> None:
    assert fault(Money, value) == sentence


def test_a_decimal_without_limits_of_its_own_is_bounded_all_the_same() -> None:
    assert fault(Decimal, "1E+999999999") == fault(Decimal, "1E-999999999") == "Give at most 38 digits."
    assert str(taken(Decimal, "1E+2")) == "100"
    assert str(taken(Decimal, "-0.0")) == "0.0"
    assert str(taken(Decimal, Decimal("9" * 38))) == "9" * 38


def test_a_decimal_may_have_a_maximum() -> None:
    share = Annotated[Decimal, Meta(extra={"maximum": "1", "scale": 0})]
    assert fault(share, "2") == "This must be 1 or less."
    assert fault(share, "0.5") == "This must be a whole number."


# Whole numbers, numbers, truth


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, pytest.param(10**4000, id="4001 digits")])
def test_whole_numbers_stay_within_what_databases_hold(value: int) -> None:
    assert fault(int, value) == INT64
    assert taken(int, 2**63 - 1) == 2**63 - 1


def test_a_whole_number_of_thousands_of_digits_in_json_is_a_fault_of_its_field() -> None:
    assert errors_of(one(int), read_json(b'{"it": ' + b"9" * 10_000 + b"}")) == {"it": [INT64]}


@pytest.mark.parametrize("value", [True, "3", 3.0, Decimal("3.0"), None, [3]])
def test_json_must_give_whole_numbers_as_such(value: object) -> None:
    assert fault(int, value) == "This must be a whole number."


@pytest.mark.parametrize(
    ("bounds", "value", "sentence"),
    [
        (Meta(gt=3), 3, "This must be more than 3."),
        (Meta(lt=3), 3, "This must be less than 3."),
        (Meta(le=3), 4, "This must be 3 or less."),
        (Meta(multiple_of=5), 7, "This must be a multiple of 5."),
    ],
)
def test_bounds_of_whole_numbers(bounds: Meta, value: int, sentence: str) -> None:
    assert fault(Annotated[int, bounds], value) == sentence


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("1E+400"), pytest.param(10**400, id="401 digits"), Decimal("sNaN")]
)
def test_a_number_is_finite(value: object) -> None:
    assert fault(float, value) == "This must be a finite number."


def test_a_number_may_be_written_without_a_point() -> None:
    assert taken(float, 3) == taken(float, Decimal("3.0")) == 3.0
    assert fault(float, "3") == "This must be a number."


# Text


@pytest.mark.parametrize(("value", "sentence"), [("a\0b", NUL), ("\ud800", HALF), ("\udfffx", HALF)])
def test_text_no_database_can_hold_is_refused_wherever_it_stands(value: str, sentence: str) -> None:
    assert fault(str, value) == sentence
    assert errors_of(one(list[str]), {"it": [value]}) == {"it[0]": [sentence]}
    assert fault(Any, {"deep": [value]}) == sentence
    assert fault(Any, {value: 1}) == sentence


def test_a_surrogate_pair_in_json_is_one_character() -> None:
    assert read_json(b'{"it": "\\ud83d\\ude00"}') == {"it": "\U0001f600"}


def test_a_pattern_may_bring_its_own_sentence() -> None:
    mail = Annotated[str, Meta(pattern="@", extra={"sentence": "This is not an e-mail address."})]
    assert fault(mail, "ada") == "This is not an e-mail address."
    assert fault(Annotated[str, Meta(pattern="^[a-z]+$")], "A") == "This must match ^[a-z]+$."
    assert fault(Annotated[str, Meta(pattern=r"\S")], "  ") == "This must not be blank."


def test_errors_do_not_repeat_what_was_sent() -> None:
    password = Annotated[Secret, Meta(min_length=20)]
    with pytest.raises(InvalidMessage) as caught:
        build(one(password), {"it": "correct horse"}, strict=True)
    assert "correct horse" not in str(caught.value)


# Fields nobody knows


def test_names_of_unknown_fields_are_made_fit_to_be_shown() -> None:
    assert errors_of(one(str), {"it": "x", "\ud800\0": 1}) == {"\\ud800\\x00": [UNKNOWN]}
    (long,) = errors_of(one(str), {"it": "x", "y" * 5000: 1})
    assert long == "y" * 100 + "…"


def test_a_thousand_unknown_fields_are_not_a_thousand_errors() -> None:
    errors = errors_of(one(str), {"it": "x"} | {f"unknown{n}": 1 for n in range(1000)})
    assert len(errors) == 21
    assert errors[""] == ["There are 980 more unknown fields."]


# Other types


@pytest.mark.parametrize(
    ("kind", "text", "value", "sentence"),
    [
        (date, "2026-01-31", date(2026, 1, 31), "This must be a date, such as 2026-01-31."),
        (time, "14:30:00", time(14, 30), "This must be a time of day, such as 14:30:00."),
        (timedelta, "PT90S", timedelta(seconds=90), "This must be a duration, such as PT90S."),
        (uuid.UUID, str(uuid.UUID(int=7)), uuid.UUID(int=7), "This must be a UUID."),
        (bytes, "aGk=", b"hi", "This must be base64 text."),
    ],
)
def test_types_with_a_text_form(kind: type, text: str, value: object, sentence: str) -> None:
    assert taken(kind, text) == taken(kind, value) == value
    assert fault(kind, "nonsense!") == fault(kind, "\ud800") == fault(kind, [1]) == sentence


def test_times_come_out_in_utc() -> None:
    moment = Annotated[datetime, Meta(tz=True)]
    value = taken(moment, "2026-01-31T14:30:00+02:00")
    assert value == datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
    assert value.tzinfo is UTC  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", 0, "now", None])
def test_times_that_do_not_exist_in_utc_are_refused(value: object) -> None:
    assert fault(Annotated[datetime, Meta(tz=True)], value).startswith("This must be a time with its zone")


def test_choices() -> None:
    assert taken(Literal["a", 1], 1) == 1
    assert fault(Literal["a", 1], True) == fault(Literal["a", 1], "1") == "Choose one of: 1, a."
    assert taken(Size, "l") is taken(Size, Size.LARGE) is Size.LARGE


def test_lists_sets_tuples_and_objects() -> None:
    assert taken(tuple[int, str], [1, "a"]) == (1, "a")
    assert fault(tuple[int, str], [1]) == "Give exactly 2 items."
    assert taken(set[int], [1, 1]) == {1}
    assert taken(frozenset[int], [1]) == frozenset({1})
    assert taken(tuple[int, ...], [1, 2]) == (1, 2)
    assert taken(dict[str, int], {"a": 1}) == {"a": 1}
    assert errors_of(one(dict[str, int]), {"it": {"a": "x"}}) == {"it.a": ["This must be a whole number."]}
    assert fault(list[int], "12") == "This must be a list."
    assert fault(dict[str, int], [1]) == "This must be an object."
    assert fault(Annotated[list[int], Meta(max_length=1)], [1, 2]) == "Give at most 1 items."


class Card(msgspec.Struct, tag=True):
    number: int


class Cash(msgspec.Struct, tag=True):
    note: str


def test_a_value_may_have_one_of_several_forms() -> None:
    assert taken(int | str, "x") == "x"
    assert fault(int | str, []) == "This has none of the forms this field can take."
    assert taken(int | None, None) is None
    assert fault(int, None) == "This must be a whole number."


def test_the_tag_says_which_form_it_is_and_whose_faults_are_told() -> None:
    paid = Card | Cash
    assert taken(paid, {"type": "Card", "number": 1}) == taken(paid, Card(number=1)) == Card(number=1)
    assert errors_of(one(paid), {"it": {"type": "Cash"}}) == {"it.note": [MISSING]}
    assert fault(paid, {"type": "Gold"}) == "This has none of the forms this field can take."


def test_numbers_in_a_free_field_stay_numbers() -> None:
    assert taken(Any, read_json(b'{"a": [1.5, 2, null, true, "x"]}')) == {"a": [1.5, 2, None, True, "x"]}
    assert fault(Any, 2**70) == INT64


def test_depth_is_bounded() -> None:
    deep: object = "x"
    for _ in range(100):
        deep = [deep]
    assert fault(Any, deep) == "This is nested more than 32 levels deep."


class Tree(Command):
    child: Tree | None = None


def test_messages_that_hold_themselves_are_bounded_too() -> None:
    raw: dict[str, Any] = {}
    for _ in range(100):
        raw = {"child": raw}
    (sentences,) = errors_of(Tree, raw).values()
    assert sentences == ["This is nested more than 32 levels deep."]


# The whole message


class Span(Command):
    start: int
    end: int

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError("The end lies before the start.")


def test_what_only_the_whole_message_shows_is_an_error_of_the_whole() -> None:
    assert errors_of(Span, {"start": 2, "end": 1}) == {"": ["The end lies before the start."]}
    assert errors_of(Span, {"start": 2, "end": "1"}) == {"end": ["This must be a whole number."]}
    assert errors_of(Span, {"start": 2, "end": 1, "x": 0}) == {
        "x": [UNKNOWN],
        "": ["The end lies before the start."],
    }


# Forms


def test_forms_send_text_for_everything() -> None:
    form = {
        "customer": "Ada",
        "total": " 12.5 ",
        "lines": '[{"sku": "lamp", "quantity": 2}]',
        "due": "2026-01-31T14:30",
        "size": "l",
        "gift": "on",
    }
    assert build(Order, form, strict=False) == Order(
        customer="Ada",
        total=Decimal("12.50"),
        lines=[Line(sku="lamp", quantity=2)],
        due=datetime(2026, 1, 31, 14, 30, tzinfo=UTC),
        size=Size.LARGE,
        gift=True,
    )


def test_an_empty_form_field_is_a_missing_one() -> None:
    assert errors_of(Order, {"customer": "", "total": "", "lines": "", "due": ""}, strict=False) == {
        "customer": [MISSING],
        "total": [MISSING],
        "lines": [MISSING],
    }
    assert taken(str | None, "x", strict=False) == "x"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [(int, " -3 ", -3), (float, "1e3", 1000.0), (bool, "false", False), (Literal["a", 1], "1", 1), (Any, "[1]", [1])],
)
def test_form_text_becomes_the_type_of_its_field(kind: Any, text: str, value: object) -> None:
    assert taken(kind, text, strict=False) == value


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        (int, "3.0", "This must be a whole number."),
        (int, "9" * 25, INT64),
        pytest.param(int, "9" * 5000, "This must be a whole number.", id="5000 digits"),
        (int, "٣", "This must be a whole number."),
        (float, "nan", "This must be a number."),
        (bool, "maybe", "This must be true or false."),
        (list[int], "[1", "This is not valid JSON."),
        pytest.param(list[int], "[" * 100_000, "This is nested too deeply.", id="deep"),
        (Any, "hello", "This is not valid JSON."),
    ],
)
def test_form_text_that_does_not_fit(kind: Any, text: str, sentence: str) -> None:
    assert fault(kind, text, strict=False) == sentence


# Messages made in Python


def test_a_message_built_in_python_is_checked_and_brought_to_its_normal_form() -> None:
    built = Order(customer="Ada", total=Decimal(5), lines=[Line(sku="lamp")], due=datetime(2026, 1, 31, tzinfo=UTC))
    assert str(revalidate(built).total) == "5.00"
    with pytest.raises(InvalidMessage) as caught:
        revalidate(Order(customer=7, total=Decimal("0.001"), lines=[Line(sku="x", quantity=0)]))  # type: ignore[arg-type]
    assert set(caught.value.errors) == {"customer", "total", "lines[0].quantity"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)) | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
    max_leaves=6,
)
names = st.sampled_from(Order.__struct_fields__) | st.text(st.characters(codec=None))


@settings(max_examples=60)
@given(st.dictionaries(names, json_values), st.booleans())
def test_whatever_comes_it_is_a_message_that_can_be_stored_or_sentences(raw: dict[str, Any], strict: bool) -> None:
    try:
        order = build(Order, raw, strict=strict)
        errors: Mapping[str, Any] = {}
    except InvalidMessage as invalid:
        order, errors = None, invalid.errors
    assert (order is None) == bool(errors)
    assert order is None or msgspec.json.decode(msgspec.json.encode(order), type=Order) == order
    for path, sentences in errors.items():
        assert path.encode("utf-8") or path == ""
        assert all(sentence.encode("utf-8").endswith((b".", b"?")) for sentence in sentences)
