"""What sounds secret is not shown, and what only looks like it is."""

from __future__ import annotations

import pytest

from cqrs.console.masking import is_sensitive, masked
from cqrs.masking import sensitive_texts, without
from cqrs.messages import MASK


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Password",
        "old_password",
        "passwords",
        "apiKey",
        "api_key",
        "API-KEY",
        "APIKey",
        "apikey",
        "access_token",
        "accessToken",
        "refreshTokens",
        "Authorization",
        "card",
        "card_number",
        "cardNumber",
        "creditCard",
        "iban",
        "IBAN",
        "customer_iban",
        "ssn",
        "client_secret",
        "privateKey",
        "sessionId",
        "set-cookie",
        "cvc",
    ],
)
def test_secret_names(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "user_id",
        "name",
        "cardinality",
        "discarded",
        "tokenize",
        "keyboard",
        "key",
        "passenger",
        "compass",
        "secretary",
        "session",
        "issn",
        "cookies_are_nice"[:6] + "book",
        "amount",
    ],
)
def test_ordinary_names(name: str) -> None:
    assert not is_sensitive(name)


def test_at_any_depth() -> None:
    value = {
        "user": {"cards": [{"number": 1}], "list": [{"pin": 1, "token": "t"}]},
        "password": None,
        "has_token": True,
    }
    assert masked(value) == {
        "user": {"cards": MASK, "list": [{"pin": 1, "token": MASK}]},
        "password": None,
        "has_token": True,
    }


def test_endless_nesting_ends() -> None:
    value: object = "deep"
    for _ in range(500):
        value = {"in": [value]}
    assert "deep" not in str(masked(value))


def test_a_sentence_is_told_without_what_is_masked_in_the_payload() -> None:
    payload = {"card": {"number": "4012 8888", "cvc": 77}, "tokens": ["abc'd"], "has_password": True, "name": "Ana"}
    hidden = set(sensitive_texts(payload))
    told = without("Ana: 4012 8888 and 77 by abc'd is True", hidden)
    assert told == f"Ana: {MASK} and 77 by {MASK} is True", "two digits are part of too much else"
