"""What an error seems to be about is marked in the payload, and nothing where that is not clear."""

from __future__ import annotations

import pytest

from cqrs.console.blame import blamed

PAYLOAD = {
    "order_id": "9A3D",
    "id": 7,
    "total": {"amount": "1.129,50", "currency": "EUR"},
    "lines": [{"sku": "LAMP-04", "quantity": 3}],
    "gift": False,
    "note": None,
}


@pytest.mark.parametrize(
    ("error", "path"),
    [
        ('ValueError: total.amount "1.129,50" is not a decimal number', "total.amount"),
        ("ValueError: cannot parse 1.129,50", "total.amount"),
        ("KeyError: lines.0.sku is unknown", "lines.0.sku"),
        ("ZeroDivisionError: division by zero", None),
        ("TypeError: the value is invalid", None),  # `id` is in no word of its own
        ("ValueError: 7 or 3", None),  # too short to mean anything
        ("", None),
    ],
)
def test_the_part_that_an_error_names_or_quotes(error: str, path: str | None) -> None:
    assert blamed(error, PAYLOAD) == path


def test_a_value_in_two_places_blames_neither() -> None:
    assert blamed("ValueError: LAMP", {"a": "LAMP", "b": "LAMP"}) is None


@pytest.mark.parametrize("payload", [None, "LAMP", 7, [], {}, {"": "LAMP"}])
def test_a_payload_without_parts_has_nothing_to_blame(payload: object) -> None:
    assert blamed("ValueError: LAMP", payload) in (None, "")
