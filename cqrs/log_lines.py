"""How log lines look: a sentence and its fields, as text for people or as JSON for collectors. One event, one line."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Literal

#: What every record carries anyway; the rest came with `extra=` and is shown as fields.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
LONGEST_LINE = 20_000

_TOKEN = re.compile(r"((?:token|link)=)[^&\s\"']+", re.IGNORECASE)
_BEARER = re.compile(r"(bearer\s+)\S+", re.IGNORECASE)


def configure(format: Literal["text", "json"] | str, level: int = logging.INFO) -> None:
    """Send all log lines of the process to stderr. Libraries that are chatty speak from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if format == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("apscheduler", "alembic", "waitress", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def redacted(text: str) -> str:
    """Without what signs in: tokens in addresses and headers."""
    return _BEARER.sub(r"\1[redacted]", _TOKEN.sub(r"\1[redacted]", text))


class TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        line = f"{_moment(record)} {record.levelname:<7} {record.getMessage()}{fields}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        # A stranger's text must not be able to start a line of its own; a traceback is ours.
        return printable(redacted(line)[:LONGEST_LINE]) + printable(redacted(trace), keep="\n")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **{name: redacted(str(value)) for name, value in fields_of(record).items()},
        }
        if record.exc_info:
            line["traceback"] = redacted(self.formatException(record.exc_info))
        # In pure ASCII even separators and halves of characters are harmless; only DEL passes as it is.
        return json.dumps(line).replace("\x7f", "\\u007f")


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in STANDARD and value is not None}


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def printable(text: str, keep: str = "") -> str:
    """Control characters escaped: they could start a line of their own, or rewrite what a terminal shows."""
    return "".join(
        character if character.isprintable() or character in keep else character.encode("unicode_escape").decode()
        for character in text
    )
