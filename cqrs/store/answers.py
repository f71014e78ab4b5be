"""Idempotency keys: which request was answered how, kept in the transaction of what it did."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.errors import IdempotencyConflict
from cqrs.store.listing import Page
from cqrs.store.log_reader import LAST, LogReader
from cqrs.store.records import EventFilter, IdempotencyKey, Repeated, Work
from cqrs.store.tables import idempotency

_ANSWER = sa.text("""
SELECT body_hash, command_id, correlation_id, result FROM idempotency
WHERE actor = :actor AND command = :command AND key = :key""")

_CLAIM = sa.text("""
INSERT INTO idempotency (actor, command, key, body_hash, command_id, correlation_id, result, created_at)
VALUES (:actor, :command, :key, :body_hash, :command_id, :correlation_id, :result, :created_at)
ON CONFLICT DO NOTHING""").bindparams(sa.bindparam("created_at", type_=idempotency.c.created_at.type))


def claim(connection: sa.Connection, work: Work, key: IdempotencyKey, now: datetime) -> bool:
    """Take the key for this work; False when it was taken before. Whoever holds it unfinished is waited for."""
    row = {
        **_identity(key),
        "body_hash": key.body_hash,
        "command_id": work.command_id,
        "correlation_id": work.correlation_id,
        "result": msgspec.json.encode(work.result).decode(),
        "created_at": now,
    }
    return connection.execute(_CLAIM, row).rowcount == 1


def find(connection: sa.Connection, key: IdempotencyKey, reader: LogReader) -> Repeated | None:
    """The events of an answer are those its command caused. Raises IdempotencyConflict for another body."""
    found = connection.execute(_ANSWER, _identity(key)).one_or_none()
    if found is None:
        return None
    if found.body_hash != key.body_hash:
        raise IdempotencyConflict(key=key.key, command=key.command)
    events = reader.listed(connection, EventFilter(causation_id=found.command_id), Page(0, LAST, LAST))
    return Repeated(
        command_id=found.command_id,
        correlation_id=found.correlation_id,
        result=msgspec.json.decode(found.result, type=dict[str, Any]),
        events=tuple(events),
    )


def _identity(key: IdempotencyKey) -> dict[str, str]:
    return {"actor": key.actor, "command": key.command, "key": key.key}
