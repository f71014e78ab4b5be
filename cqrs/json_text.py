"""JSON from outside, read so that nothing is lost: decimals are exact, and a field given twice is an error."""

from __future__ import annotations

import json
from decimal import Decimal

from cqrs.errors import InvalidMessage
from cqrs.values import Refused


def read_json(body: bytes) -> dict[str, object]:
    """The fields in a request body; numbers with a point as Decimal, exactly as written.

    Raises InvalidMessage for what is not one JSON object in UTF-8, for NaN and Infinity, and for a field given twice.
    """
    try:
        value = parse_json(body.decode())
    except UnicodeDecodeError:
        raise InvalidMessage({"": ["The body is not valid UTF-8."]}) from None
    except Refused as refused:
        raise InvalidMessage({"": [str(refused)]}) from None
    if not isinstance(value, dict):
        raise InvalidMessage({"": ["The body must be a JSON object with the fields of the message."]})
    return value


def parse_json(text: str) -> object:
    """Raises Refused with a sentence."""
    try:
        return json.loads(
            text,
            parse_float=Decimal,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise Refused("This is nested too deeply.") from None
    except ValueError:
        raise Refused("This is not valid JSON.") from None


def _integer(text: str) -> int | Decimal:
    """Python refuses to make an int of more than 4,300 digits; a Decimal says at the field that it is too large."""
    return int(text) if len(text) <= 40 else Decimal(text)


def _constant(name: str) -> object:
    raise Refused(f"{name} is not a number in JSON.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise Refused(f"The field {printable(name)} is given more than once.")
        found[name] = value
    return found


def printable(name: object) -> str:
    """A field name a caller made up, fit for an error message: no control characters or surrogates, and not long."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(name)[:100])
    return text if len(str(name)) <= 100 else text + "…"
