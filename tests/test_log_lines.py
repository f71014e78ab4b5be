"""Log lines: one event is one line, and what signs in is not in it."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from cqrs.log_lines import JsonLines, TextLines

FORMATTERS = pytest.mark.parametrize("formatter", [TextLines(), JsonLines()])


def line(formatter: logging.Formatter, message: str, *args: object, **extra: object) -> str:
    record = logging.makeLogRecord({"name": "cqrs", "levelname": "INFO", "msg": message, "args": args, **extra})
    return formatter.format(record)


def test_a_text_line_is_a_sentence_and_its_fields() -> None:
    text = line(TextLines(), "%s was paused.", "users", actor="ada", reason=None)
    assert text.endswith("INFO    users was paused. actor=ada")


def test_a_json_line_is_one_object() -> None:
    found = json.loads(line(JsonLines(), "%s was paused.", "users", actor="ada"))
    assert (found["message"], found["level"], found["actor"]) == ("users was paused.", "info", "ada")
    assert found["at"].endswith("Z")


@FORMATTERS
@pytest.mark.parametrize(
    "text",
    [
        "GET /sign-in?token=hushhush&next=/",
        "GET http://127.0.0.1/sign-in?next=/&token=hushhush",
        "Authorization: Bearer hushhush",
        "link=hushhush",
    ],
)
def test_what_signs_in_is_cut_out(formatter: logging.Formatter, text: str) -> None:
    assert "hushhush" not in line(formatter, "%s", text)
    assert "hushhush" not in line(formatter, "A request came.", request=text)
    assert "redacted" in line(formatter, "%s", text)


@FORMATTERS
def test_a_stranger_cannot_start_a_line_or_move_the_cursor(formatter: logging.Formatter) -> None:
    text = line(formatter, "Hello %s", "a\r\n2026 INFO all is well\x1b[2J\u2028\ud800\x7f\x85", path="b\nc")
    assert text.isprintable()


@FORMATTERS
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("no token=hushhush")
    except ValueError:
        text = line(formatter, "It failed.", exc_info=sys.exc_info())
    assert "ValueError" in text
    assert "hushhush" not in text
