"""A log into which somebody put every hostile text, wherever a text fits."""

from __future__ import annotations

import json

from cqrs.errors import InvalidStreamName
from cqrs.runtime import Runtime
from cqrs.store.records import NewEvent, check_stream_name
from tests.hostile_texts import HOSTILE_TEXTS, storable

DEEP_JSON = b'{"deep": ' + b"[" * 400 + b'"bottom"' + b"]" * 400 + b"}"
WIDE_JSON = json.dumps({f"key {number}": ["x" * 50] * 5 for number in range(900)}).encode()


def record(runtime: Runtime) -> None:
    """Of each text an account whose every field it is, then an event of that very type; last what is deep and wide."""
    for number, (name, text) in enumerate(HOSTILE_TEXTS.items()):
        stream = f"account-{text}" if text and named(text) else f"account-{number}"
        account = {"account_id": text, "owner": text, "iban": text}
        odd = {text: text, "list": [text, {text: [text]}], "number": 1e308, "nothing": None}
        kept = text if storable(text) else name
        runtime.events.append(
            stream,
            [
                event(f"{number}-opened", "AccountOpened", account, kept),
                event(f"{number}-odd", kept or "empty", odd, kept),
            ],
        )
    for name, data in (("deep", DEEP_JSON), ("wide", WIDE_JSON)):
        runtime.events.append(f"account-{name}", [event(name, "Odd", {}, "ana", data_bytes=data)])


def named(text: str) -> bool:
    try:
        check_stream_name(f"account-{text}")
    except InvalidStreamName:
        return False
    return True


def event(event_id: str, type: str, data: object, actor: str, *, data_bytes: bytes | None = None) -> NewEvent:
    return NewEvent(
        type=type,
        schema_version=1,
        data=json.dumps(data).encode() if data_bytes is None else data_bytes,
        metadata=json.dumps(data).encode(),
        event_id=event_id,
        correlation_id=event_id,
        causation_id=None,
        actor=actor,
    )
