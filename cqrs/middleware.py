"""What surrounds every handler. Each takes the dispatch and the rest of the chain; none keeps state between calls."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from dataclasses import replace

import msgspec

from cqrs.dispatch import CommandResult, Dispatch, Middleware, Next, QueryAnswer, Unvalidated
from cqrs.errors import AccessDenied, ConcurrencyError, CqrsError, InvalidMessage, TransactionClash
from cqrs.messages import Command, Message, Role
from cqrs.store.event_store import EventStore
from cqrs.store.records import IdempotencyKey, Repeated
from cqrs.validation import build, revalidate

TRIES = 3
LONGEST_KEY = 255

#: Waits until the projections have applied a position, at most so many seconds; returns the position reached.
Wait = Callable[[tuple[str, ...], int, float], int]

logger = logging.getLogger(__name__)


def log(dispatch: Dispatch, next: Next) -> CommandResult | QueryAnswer:
    """One line a call, without the fields: they may be secret. Seeding and queries are logged as debugging."""
    started = time.perf_counter()
    outcome = "failed"
    try:
        answer: CommandResult | QueryAnswer = next(dispatch)
        outcome = "answered"
        return answer
    except CqrsError as error:
        outcome = f"refused: {type(error).__name__}"
        raise
    finally:
        context = dispatch.context
        everyday = context.now is None and issubclass(dispatch.message_class, Command)
        logger.log(
            logging.INFO if everyday else logging.DEBUG,
            "%s %s for %s in %.1f ms",
            dispatch.name,
            outcome,
            context.actor,
            (time.perf_counter() - started) * 1000,
            extra={"command_id": context.command_id, "correlation_id": context.correlation_id},
        )


def authorise(dispatch: Dispatch, next: Next) -> object:
    """Commands are for operators, queries for viewers."""
    needed = Role.OPERATOR if issubclass(dispatch.message_class, Command) else Role.VIEWER
    context = dispatch.context
    if not context.role.allows(needed):
        raise AccessDenied(action=dispatch.name, needed=needed, actor=context.actor, role=context.role)
    return next(dispatch)


def validate(dispatch: Dispatch, next: Next) -> object:
    """Also messages that were built in Python: constructors check nothing."""
    request = dispatch.request
    if isinstance(request, Unvalidated):
        message = build(dispatch.message_class, request.fields, strict=request.strict)
    else:
        message = revalidate(request)
    return next(replace(dispatch, request=message))


def retry(dispatch: Dispatch, next: Next) -> object:
    """Run the handler again when another writer got in the way, three times in all.

    When the caller named the version, a conflict is the answer and not tried again; a clash of transactions still is.
    """
    named = dispatch.context.expected_version is not None
    for _ in range(TRIES - 1):
        try:
            return next(dispatch)
        except ConcurrencyError:
            if named:
                raise
        except TransactionClash:
            pass
    return next(dispatch)


def waiting(wait: Wait) -> Middleware:
    """Make the middleware for `Context.wait_for`. What is stored stays so, however long a projection takes."""

    def wait_for_projections(dispatch: Dispatch, next: Next) -> CommandResult:
        result: CommandResult = next(dispatch)
        context = dispatch.context
        if not context.wait_for or result.position is None:
            return result
        reached = wait(context.wait_for, result.position, context.wait_seconds)
        return replace(result, visible=reached >= result.position)

    return wait_for_projections


def idempotent(events: EventStore, secret: bytes) -> Middleware:
    """Make the middleware that answers a repeated request without running the handler.

    It looks without a lock; the commit decides among those that race. A dry run stores nothing, so it asks nothing.
    """
    key_maker = IdempotencyKeys(secret)

    def answer_repeated(dispatch: Dispatch, next: Next) -> object:
        key = key_maker.key_of(dispatch)
        if key is None:
            return next(dispatch)
        known = events.find_answer(key)
        return repeated_result(known) if known is not None else next(replace(dispatch, key=key))

    return answer_repeated


class IdempotencyKeys:
    """Makes the key rows of commands. The body is known by a keyed hash.

    A plain hash of a body that holds a password could be guessed by trying passwords, and one without the password
    would take another password for the same request. The key comes from the installation's secret: when that is
    changed, a request from before is a conflict, never a second execution.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"idempotency bodies", hashlib.sha256)

    def key_of(self, dispatch: Dispatch) -> IdempotencyKey | None:
        context = dispatch.context
        key = context.idempotency_key
        if key is None or context.dry_run:
            return None
        if not key or len(key) > LONGEST_KEY or not key.isprintable():
            raise InvalidMessage({"": [f"An idempotency key has 1 to {LONGEST_KEY} printable characters."]})
        body = self.hash_of(dispatch.message)
        return IdempotencyKey(actor=context.actor, command=dispatch.name, key=key, body_hash=body)

    def hash_of(self, message: Message) -> str:
        """Of the validated message, so that `5` and `5.00`, or another order of the fields, are the same request."""
        return hmac.new(self._key, msgspec.json.encode(message, order="deterministic"), hashlib.sha256).hexdigest()


def repeated_result(known: Repeated) -> CommandResult:
    return CommandResult(
        command_id=known.command_id,
        correlation_id=known.correlation_id,
        position=known.events[-1].position if known.events else None,
        events=known.events,
        result=known.result,
        repeated=True,
    )
