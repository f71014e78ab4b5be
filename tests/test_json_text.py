"""JSON of strangers: one object, no field twice, refused in one sentence."""

from __future__ import annotations

import pytest

from cqrs.errors import InvalidMessage
from cqrs.json_text import read_json


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "This is not valid JSON."),
        (b"{", "This is not valid JSON."),
        (b'{"a": 01}', "This is not valid JSON."),
        (b'{"a": 1} {}', "This is not valid JSON."),
        (b'{"a": "\x01"}', "This is not valid JSON."),
        (b"\xff", "The body is not valid UTF-8."),
        ('{"a": "x"}'.encode("utf-16"), "The body is not valid UTF-8."),
        (b'{"a": NaN}', "NaN is not a number in JSON."),
        (b'{"a": -Infinity}', "-Infinity is not a number in JSON."),
        (b'{"a": 1, "a": 1}', "The field a is given more than once."),
        (b'{"a": {"b": 1, "\\u0000": 2, "\\u0000": 3}}', "The field \\x00 is given more than once."),
        (b"[]", "The body must be a JSON object with the fields of the message."),
        (b"null", "The body must be a JSON object with the fields of the message."),
        pytest.param(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "This is nested too deeply.", id="lists"),
        pytest.param(b'{"a":' * 100_000, "This is nested too deeply.", id="objects"),
    ],
)
def test_a_body_that_is_no_json_object_is_one_sentence(body: bytes, sentence: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read_json(body)
    assert caught.value.errors == {"": [sentence]}


def test_many_fields_with_the_last_one_repeated_are_read_in_one_pass() -> None:
    body = b"{" + b",".join(b'"f%d":1' % n for n in range(50_000)) + b',"f49999":1}'
    with pytest.raises(InvalidMessage, match="The field f49999 is given more than once"):
        read_json(body)
