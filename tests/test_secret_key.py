"""The secret key: which ones are refused. How it is kept is told with the settings."""

from __future__ import annotations

import secrets

import pytest

from cqrs.secret_key import PUBLISHED, weakness


def test_a_random_key_is_fine() -> None:
    assert weakness(secrets.token_hex(32)) is None


@pytest.mark.parametrize("key", ["", "x" * 31, "ab" * 40, *sorted(PUBLISHED)])
def test_a_key_others_could_know_is_not(key: str) -> None:
    assert weakness(key) is not None
