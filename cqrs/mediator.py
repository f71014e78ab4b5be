"""The one door for commands and queries: finds the handler, runs it within the middleware, and commits."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.clock import Clock, utc_now
from cqrs.dispatch import CommandResult, Dispatch, Middleware, Next, QueryAnswer, Unvalidated
from cqrs.errors import ConcurrencyError, InvalidMessage, NoHandler, NotVisibleYet
from cqrs.identifiers import new_id
from cqrs.json_text import printable
from cqrs.messages import Command, Context, Message, Query, message_name
from cqrs.middleware import Wait, authorise, idempotent, log, repeated_result, retry, validate, waiting
from cqrs.queries import QueryContext
from cqrs.store.event_store import EventStore
from cqrs.store.serialization import EventTypes
from cqrs.unit_of_work import OpenSnapshot, UnitOfWork

CommandHandler = Callable[[Any, UnitOfWork], Mapping[str, Any] | None]
QueryHandler = Callable[[Any, QueryContext], object]
Subscriber = Callable[[CommandResult], object]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSide:
    """What the mediator knows of the read side: three functions."""

    #: Opens a snapshot of the read database.
    snapshot: Callable[[], AbstractContextManager[sa.Connection]]
    #: The lowest checkpoint of these projections as this snapshot shows it.
    position: Callable[[sa.Connection, tuple[str, ...]], int | None]
    wait: Wait


class Mediator:
    """Safe for use by several threads: a call keeps its state in its own Dispatch and UnitOfWork.

    `extra` middleware runs behind validation and authorisation, around everything else. `secret` keys the hash of
    bodies that come with an idempotency key. Without `snapshot` handlers cannot query tables, and without `read_side`
    there are no queries.
    """

    def __init__(
        self,
        *,
        command_handlers: Mapping[type[Command], CommandHandler],
        query_handlers: Mapping[type[Query], QueryHandler],
        events: EventStore,
        types: EventTypes,
        secret: bytes,
        snapshot: OpenSnapshot | None = None,
        read_side: ReadSide | None = None,
        clock: Clock = utc_now,
        extra: Sequence[Middleware] = (),
    ) -> None:
        self._command_handlers = {message_name(cls): (cls, handler) for cls, handler in command_handlers.items()}
        self._query_handlers = {message_name(cls): (cls, handler) for cls, handler in query_handlers.items()}
        self._events = events
        self._types = types
        self._snapshot = snapshot
        self._read_side = read_side
        self._clock = clock
        self._subscribers: tuple[Subscriber, ...] = ()
        self._subscribing = threading.Lock()
        before = (log, authorise, validate, *extra)
        waits = (waiting(read_side.wait),) if read_side is not None else ()
        around = (*before, *waits, idempotent(events, secret), retry)
        self._send = _chain(around, self._handle)
        self._ask = _chain(before, self._answer)

    def send(self, command: Command | Unvalidated, context: Context | None = None) -> CommandResult:
        """Carry out a command: everything it wants is stored, or nothing is.

        Raises NoHandler, AccessDenied, InvalidMessage (all errors at once), ConcurrencyError, IdempotencyConflict, and
        what the handler raises.
        """
        context = context or Context()
        command_id = context.command_id or new_id()
        context = replace(context, command_id=command_id, correlation_id=context.correlation_id or command_id)
        result: CommandResult = self._send(_dispatch(self._command_handlers, command, context))
        if not context.dry_run and not result.repeated:
            self._publish(result)
        return result

    def ask(
        self,
        query: Query | Unvalidated,
        context: Context | None = None,
        *,
        min_position: int | None = None,
        wait_seconds: float = 0.0,
    ) -> QueryAnswer:
        """Answer a query from one snapshot of the read models.

        With `min_position` the answer knows the events up to there: waits for it, and raises NotVisibleYet when it
        takes longer than `wait_seconds`.
        """
        dispatch = _dispatch(self._query_handlers, query, context or Context())
        reads = tuple(getattr(dispatch.message_class, "reads", ()))
        if min_position is not None and reads and self._read_side is not None:
            reached = self._read_side.wait(reads, min_position, wait_seconds)
            if reached < min_position:
                raise NotVisibleYet(wanted=min_position, reached=reached)
        answer: QueryAnswer = self._ask(dispatch)
        return answer

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call back after each commit, in the thread of the sender, at most once: a crash in between loses it.

        What it raises is logged, nobody else hears of it. For what must happen, use a projection.
        """
        with self._subscribing:
            self._subscribers = (*self._subscribers, subscriber)

    def _publish(self, result: CommandResult) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(result)
            except Exception:
                logger.exception("A subscriber failed after command %s was stored.", result.command_id)

    def _handle(self, dispatch: Dispatch) -> CommandResult:
        context, command = dispatch.context, dispatch.message
        stream = self._expected_stream(command, context)
        unit = UnitOfWork(
            events=self._events,
            types=self._types,
            snapshot=self._snapshot,
            command=dispatch.name,
            context=context,
            now=context.now or self._clock(),
        )
        _, handler = self._command_handlers[dispatch.name]
        result = _plain(dispatch.name, handler(command, unit))
        if stream is not None and context.expected_version is not None:
            unit.expect(stream, context.expected_version)
        return self._commit(unit, dispatch, result)

    def _expected_stream(self, command: Command, context: Context) -> str | None:
        """Compares the version before the handler runs, for one that then writes nothing; the commit compares again."""
        if context.expected_version is None:
            return None
        stream = command.stream_of()
        if stream is None:
            raise InvalidMessage({"": [f"{message_name(command)} has no stream: send it without an expected version."]})
        actual = self._events.stream_version(stream)
        if actual != context.expected_version:
            raise ConcurrencyError(stream=stream, expected=context.expected_version, actual=actual)
        return stream

    def _commit(self, unit: UnitOfWork, dispatch: Dispatch, result: dict[str, Any]) -> CommandResult:
        work = unit.work(key=dispatch.key, result=result)
        dry_run = dispatch.context.dry_run
        committed = self._events.commit(work, dry_run=dry_run)
        if committed.repeated is not None:
            return repeated_result(committed.repeated)
        return CommandResult(
            command_id=work.command_id,
            correlation_id=work.correlation_id,
            position=committed.events[-1].position if committed.events and not dry_run else None,
            events=unit.planned() if dry_run else committed.events,
            result=result,
        )

    def _answer(self, dispatch: Dispatch) -> QueryAnswer:
        if self._read_side is None:
            raise RuntimeError("This mediator has no read side: queries need one.")
        _, handler = self._query_handlers[dispatch.name]
        query: Query = dispatch.message
        with self._read_side.snapshot() as connection:
            position = self._read_side.position(connection, tuple(query.reads)) if query.reads else None
            return QueryAnswer(value=handler(query, QueryContext(connection)), position=position)


def _dispatch(handlers: Mapping[str, tuple[type[Message], Any]], request: Any, context: Context) -> Dispatch:
    name = request.name if isinstance(request, Unvalidated) else message_name(request)
    message_class, _ = handlers.get(name, (None, None))
    if message_class is None or not isinstance(request, Unvalidated | message_class):
        raise NoHandler(name=printable(name))
    return Dispatch(name=name, message_class=message_class, request=request, context=context)


def _plain(name: str, returned: object) -> dict[str, Any]:
    """As it will come back from the store to a repeated request: text for decimals and times."""
    if returned is not None and not isinstance(returned, Mapping):
        raise TypeError(f"The handler of {name} returned a {type(returned).__name__}: return a dict or None.")
    plain: dict[str, Any] = msgspec.to_builtins(dict(returned or {}), str_keys=True)
    return plain


def _chain(around: Sequence[Middleware], innermost: Next) -> Next:
    """The first of `around` is called first."""
    chain = innermost
    for each in reversed(around):
        chain = functools.partial(_call, each, chain)
    return chain


def _call(each: Middleware, rest: Next, dispatch: Dispatch) -> Any:
    return each(dispatch, rest)
