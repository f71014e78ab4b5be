"""What handlers with a third parameter get: the facts about an event, parsed only when they are looked at."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

#: The columns the engine reads of every event, in this order …
PLAIN = ("position", "type", "schema_version", "data", "event_id")

#: … and those it reads as well when a handler or key function wants metadata.
WITH_META = (*PLAIN, "stream", "version", "metadata", "correlation_id", "causation_id", "actor", "recorded_at")


class EventMeta:
    """Has the attributes of cqrs.messages.Metadata, at a twentieth of its price. Made from a row of WITH_META."""

    def __init__(self, raw: tuple[Any, ...]) -> None:
        self._raw = raw

    @property
    def position(self) -> int:
        return int(self._raw[0])

    @property
    def type(self) -> str:
        return str(self._raw[1])

    @property
    def schema_version(self) -> int:
        return int(self._raw[2])

    @property
    def event_id(self) -> str:
        return str(self._raw[4])

    @property
    def stream(self) -> str:
        return str(self._raw[5])

    @property
    def version(self) -> int:
        return int(self._raw[6])

    @cached_property
    def extra(self) -> dict[str, Any]:
        return msgspec.json.decode(self._raw[7], type=dict[str, Any])

    @property
    def correlation_id(self) -> str:
        return str(self._raw[8])

    @property
    def causation_id(self) -> str | None:
        return None if self._raw[9] is None else str(self._raw[9])

    @property
    def actor(self) -> str:
        return str(self._raw[10])

    @cached_property
    def recorded_at(self) -> datetime:
        return datetime.fromisoformat(self._raw[11])
