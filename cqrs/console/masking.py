"""What is not shown of events: fields whose names sound secret."""

from __future__ import annotations

import msgspec

from cqrs.masking import is_sensitive, masked, masked_fields
from cqrs.messages import MASK
from cqrs.store.records import RecordedEvent

__all__ = ["data_of", "is_sensitive", "masked", "masked_fields", "metadata_of", "payload"]


def payload(text: str, *, unmasked: bool = False) -> object:
    """Stored JSON as it may be shown. What is no JSON could be anything, so it is masked as a whole."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text if unmasked else MASK
    return value if unmasked else masked(value)


def data_of(event: RecordedEvent, *, unmasked: bool = False) -> object:
    return payload(event.data, unmasked=unmasked)


def metadata_of(event: RecordedEvent, *, unmasked: bool = False) -> object:
    return payload(event.metadata, unmasked=unmasked)
