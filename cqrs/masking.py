"""What is not shown of payloads and rows: fields whose names sound secret. A domain declares none in its events."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal

from cqrs.messages import MASK

DEEPEST = 64
#: Most values there are: to ask whether one is a Mapping takes longer than all the rest.
PLAIN = frozenset({str, int, float, bool, type(None), Decimal, datetime})
#: Parts of a name; a plural counts as well.
WORDS = frozenset(
    {"password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "credential", "cookie"}
    | {"apikey", "card", "cardnumber", "creditcard", "cvv", "cvc", "iban", "ssn"}
)
PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key"), ("session", "id")})
#: A shorter one is part of too many words.
SHORTEST = 3
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@functools.lru_cache(2_000)
def is_sensitive(name: str) -> bool:
    """`apiKey`, `API_KEY`, `card_number` and `passwords` are; `discarded`, `cardinality` are not."""
    parts = [part.lower() for part in PART.findall(name)]
    singular = [part.removesuffix("s") if part.removesuffix("s") in WORDS else part for part in parts]
    return not WORDS.isdisjoint(singular) or any(pair in PAIRS for pair in itertools.pairwise(parts))


def masked(value: object, depth: int = 0) -> object:
    """A copy without what is sensitive, at any depth. What is None, true or false stays."""
    if depth > DEEPEST:
        return MASK
    if type(value) in PLAIN:
        return value
    if isinstance(value, Mapping):
        return masked_fields(value, depth)
    if isinstance(value, list | tuple):
        return [masked(inner, depth + 1) for inner in value]
    return value


def masked_fields(fields: Mapping[str, object], depth: int = 0) -> dict[str, object]:
    return {
        name: MASK if _hides(value) and is_sensitive(str(name)) else masked(value, depth + 1)
        for name, value in fields.items()
    }


def sensitive_texts(value: object, below: bool = False, depth: int = 0) -> Iterator[str]:
    """What `masked` would take out of a value, as it is written in a sentence."""
    if depth > DEEPEST:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from sensitive_texts(inner, below or (_hides(inner) and is_sensitive(str(name))), depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from sensitive_texts(inner, below, depth + 1)
    elif below and _hides(value):
        yield from {str(value), repr(value).strip("'\"")}


def without(text: str, hidden: Iterable[str]) -> str:
    """The text with a mask in place of each of these, where one is long enough to be told from other words."""
    for each in sorted(hidden, key=len, reverse=True):
        if len(each) >= SHORTEST:
            text = text.replace(each, MASK)
    return text


def _hides(value: object) -> bool:
    """That there is none, or whether there is one (`has_password`), may be seen."""
    return value is not None and not isinstance(value, bool)
