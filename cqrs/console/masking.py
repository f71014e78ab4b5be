"""What is not shown of payloads and rows: fields whose names sound secret, and fields declared so."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping

import msgspec

from cqrs.console import current
from cqrs.messages import MASK, secret_fields
from cqrs.store.records import RecordedEvent

DEEPEST = 64
#: Parts of a name; a plural counts as well.
WORDS = frozenset(
    {"password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "credential", "cookie"}
    | {"apikey", "card", "cardnumber", "creditcard", "cvv", "cvc", "iban", "ssn"}
)
PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key"), ("session", "id")})
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def is_sensitive(name: str) -> bool:
    """`apiKey`, `API_KEY`, `card_number` and `passwords` are; `discarded`, `cardinality` are not."""
    parts = [part.lower() for part in PART.findall(name)]
    singular = [part.removesuffix("s") if part.removesuffix("s") in WORDS else part for part in parts]
    return not WORDS.isdisjoint(singular) or any(pair in PAIRS for pair in itertools.pairwise(parts))


def masked(value: object, declared: Collection[str] = (), depth: int = 0) -> object:
    """A copy without what is sensitive, at any depth; `declared` names fields of the outermost object. None stays."""
    if depth > DEEPEST:
        return MASK
    if isinstance(value, Mapping):
        return masked_fields(value, declared, depth)
    if isinstance(value, list | tuple):
        return [masked(inner, (), depth + 1) for inner in value]
    return value


def masked_fields(fields: Mapping[str, object], declared: Collection[str] = (), depth: int = 0) -> dict[str, object]:
    return {
        name: MASK
        if value is not None and (name in declared or is_sensitive(str(name)))
        else masked(value, (), depth + 1)
        for name, value in fields.items()
    }


def declared_secret(event_type: str) -> frozenset[str]:
    """Fields that the event's class declares secret; none for a type no domain knows."""
    cls = current.runtime().types.cls(event_type)
    return frozenset() if cls is None else secret_fields(cls)


def payload(event_type: str, text: str, *, unmasked: bool = False) -> object:
    """Stored data as it may be shown; what is no JSON comes as the text it is."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return MASK if not unmasked else text
    return value if unmasked else masked(value, declared_secret(event_type))


def data_of(event: RecordedEvent, *, unmasked: bool = False) -> object:
    return payload(event.type, event.data, unmasked=unmasked)


def metadata_of(event: RecordedEvent, *, unmasked: bool = False) -> object:
    return payload(event.type, event.metadata, unmasked=unmasked)
