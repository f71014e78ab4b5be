"""The words of the log."""

from __future__ import annotations

import pytest

from cqrs.errors import InvalidStreamName
from cqrs.store.records import LONGEST_STREAM_NAME, category_of, check_stream_name


@pytest.mark.parametrize(
    ("stream", "category"), [("order-1", "order"), ("stock-7-b", "stock"), ("settings", "settings"), ("-1", "")]
)
def test_the_category_stands_before_the_first_hyphen(stream: str, category: str) -> None:
    assert category_of(stream) == category


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        ("", "empty"),
        ("x" * (LONGEST_STREAM_NAME + 1), "longer than 255"),
        ("order\x00", "cannot be printed"),
        ("order\t1", "cannot be printed"),
        ("order\u202e1", "cannot be printed"),
        ("order\udc80", "cannot be printed"),
    ],
)
def test_an_unusable_name_says_why(stream: str, why: str) -> None:
    with pytest.raises(InvalidStreamName, match=why) as refused:
        check_stream_name(stream)
    str(refused.value).encode()


def test_the_longest_name_is_taken() -> None:
    check_stream_name("é" * LONGEST_STREAM_NAME)
