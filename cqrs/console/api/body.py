"""Bodies of requests: one JSON object, or nothing at all."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request

from cqrs.errors import InvalidMessage, WrongContentType
from cqrs.json_text import read_json
from cqrs.values import Refused, check_text

LONGEST_REASON = 500


def fields() -> dict[str, object]:
    """An empty body is an object without fields. Raises WrongContentType, InvalidMessage."""
    body = request.get_data(cache=False)
    if not body.strip():
        return {}
    if request.mimetype != "application/json":
        raise WrongContentType()
    return read_json(body)


def reason() -> str | None:
    """Of a body that may hold nothing but a reason."""
    return reason_in(fields())


def reason_in(given: Mapping[str, object], **problems: str | None) -> str | None:
    """Of fields of which no other is left; `problems` are those of the others. Raises InvalidMessage with all."""
    errors = {name: ["There is no such field."] for name in given if name != "reason"}
    errors |= {name: [sentence] for name, sentence in problems.items() if sentence}
    found = given.get("reason")
    problem = _problem(found)
    if problem:
        errors["reason"] = [problem]
    if errors:
        raise InvalidMessage(errors)
    return str(found).strip() or None if found is not None else None


def flag_problem(found: object) -> str | None:
    """What is wrong with a field that must be true or false."""
    return None if isinstance(found, bool) else "This must be true or false."


def _problem(found: object) -> str | None:
    if found is None:
        return None
    if not isinstance(found, str):
        return "This must be text."
    try:
        check_text(found)
    except Refused as refused:
        return str(refused)
    return f"Give at most {LONGEST_REASON} characters." if len(found) > LONGEST_REASON else None
