"""The access log: what changed or failed is a line, what signs in is in none."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from cqrs.access_log import AccessLog


def request(method: str, status: str, **environ: str) -> None:
    def application(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response(status, [])
        return []

    asked = {"REQUEST_METHOD": method, "PATH_INFO": "/sign-in", "QUERY_STRING": "token=hushhush", **environ}
    list(AccessLog(application)(asked, lambda *_: None))


@pytest.mark.parametrize(
    ("method", "status", "level"),
    [
        ("GET", "200 OK", "DEBUG"),
        ("HEAD", "404 Not Found", "DEBUG"),
        ("POST", "201 Created", "INFO"),
        ("GET", "500 Internal Server Error", "INFO"),
    ],
)
def test_a_request_is_a_line(method: str, status: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    request(method, status, REMOTE_ADDR="192.0.2.7")
    (record,) = caplog.records
    assert record.levelname == level
    assert record.getMessage().startswith(f"{method} /sign-in was answered with {status[:3]} in ")
    assert vars(record)["address"] == "192.0.2.7"


def test_the_query_is_in_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    request("GET", "303 See Other")
    assert "hushhush" not in caplog.text


def test_the_answer_passes_unchanged() -> None:
    seen: list[Any] = []
    application = AccessLog(lambda _environ, start: [start("200 OK", [("A", "b")]), b"body"][1:])
    body = list(application({}, lambda *answer: seen.append(answer)))
    assert body == [b"body"]
    assert seen == [("200 OK", [("A", "b")])]
