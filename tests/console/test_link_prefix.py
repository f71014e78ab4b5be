"""Addresses of rows are those that `url_for` would write, whatever a key holds."""

from __future__ import annotations

import pytest
from flask import Flask, url_for

from cqrs.console.link_prefix import prefix_of

KEYS = [
    "user-1", "", "0", "00", "a/b", "/", "//", "~", "a/~b", "~0", "~1", ".", "..", "../..", "a b", "a+b", "?x=1", "#x",
    "100%", "%2F", "&amp;", "\"'<>", "a;b,c", "[1,\"x\"]", "ä", "日本", "👩\u200d👧", "\u202egnp.exe", "two\nlines",
    "\\", "{|}^`", "!$&'()*+,/:;=@",
]  # fmt: skip


@pytest.mark.parametrize("root", ["http://localhost/", "http://localhost/under/here/"])
@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_written_as_url_for_writes_it(app: Flask, root: str, key: str) -> None:
    with app.test_request_context(base_url=root):
        for name in ("accounts", "a0", "name 0/0"):
            address = prefix_of("read_models.row", "key", name=name).to_key(key)
            assert address == url_for("read_models.row", name=name, key=key)


@pytest.mark.parametrize("position", [1, 10, 2**63 - 1])
def test_a_position_is_written_as_url_for_writes_it(app: Flask, position: int) -> None:
    with app.test_request_context():
        address = prefix_of("events.show", "position").to_position(position)
        assert address == url_for("events.show", position=position)


@pytest.mark.parametrize(
    ("key", "segment"), [(".", "~2"), ("..", "~2."), ("", "~3"), (".a", ".a"), ("a.b-c_1", "a.b-c_1")]
)
def test_a_key_that_would_be_no_segment_is_written_otherwise(app: Flask, key: str, segment: str) -> None:
    with app.test_request_context():
        assert prefix_of("streams.show", "stream").to_key(key) == f"/streams/{segment}"
