"""A run: what a worker holds while it carries out an operation. Every word it says renews its lease."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import msgspec
import sqlalchemy as sa

from cqrs.errors import OperationCancelled, OperationHeld, OperationInterrupted, OperationLost
from cqrs.store.database import Database
from cqrs.store.database_time import database_now
from cqrs.workers.operation import Operation, OperationState, Phase
from cqrs.workers.operation_tables import operation_log, operations

LEASE_SECONDS = 15.0
#: How often progress is written at most; more would only cost the appends their lock.
WRITE_EVERY_SECONDS = 1.0
RATE_OVER_SECONDS = 10.0
ERRORS_KEPT = 20
LOG_LINES_KEPT = 200
LONGEST_TEXT = 2_000


class Run:
    """Handed to the handler of an operation's kind, which must be able to resume from what the database holds.

    Methods that write raise OperationLost when another worker took over, and OperationCancelled when someone asked
    for the end (not while the handler cleans up: see `cleaning_up`). Not safe for use by several threads.
    """

    def __init__(
        self,
        database: Database,
        operation: Operation,
        token: int,
        lease_seconds: float,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.operation = operation
        #: Whether this worker is about to stop; the operation is then set aside at its next step.
        self.stopping = stopping
        self._database = database
        self._token = token
        self._lease_seconds = lease_seconds
        self._phases = list(operation.phases)
        self._errors = list(operation.errors)
        self._error_count = operation.error_count
        self._measured: deque[tuple[float, int]] = deque()
        self._written = 0.0
        self._cleaning_up = False

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.operation.parameters

    @property
    def approved(self) -> bool:
        """Whether a person has reviewed what this operation waited with."""
        return self.operation.approved_by is not None

    def phase(self, name: str, *, total: int | None = None, note: str | None = None) -> None:
        """Begin a phase, or take it up again after a restart; the one before is finished."""
        now = self._now()
        if self._phases and self._phases[-1].name == name:
            self._phases[-1] = replace(self._phases[-1], total=total, note=note, finished_at=None)
        else:
            self._finish_phase(now)
            self._phases.append(Phase(name=name, started_at=now, total=total, note=note))
        self._measured.clear()
        self._write()

    def progress(self, done: int, *, total: int | None = None) -> None:
        """Say how far the phase is; cheap to call often, written about once a second."""
        current = self._phases[-1]
        self._phases[-1] = replace(current, done=done, total=current.total if total is None else total)
        if self.stopping() and not self._cleaning_up:
            self.set_aside()
        now = time.monotonic()
        if now - self._written < WRITE_EVERY_SECONDS:
            return
        self._measured.append((now, done))
        while len(self._measured) > 2 and now - self._measured[0][0] > RATE_OVER_SECONDS:
            self._measured.popleft()
        self._write()

    def log(self, text: str, *, level: str = "info") -> None:
        with self._database.write() as connection:
            now = self._database.now(connection)
            mine = operations.c.id == self.operation.id, operations.c.token == self._token
            counted = operations.update().where(*mine).values(log_lines=operations.c.log_lines + 1)
            if connection.execute(counted).rowcount != 1:
                raise OperationLost(title=self.operation.title)
            n = connection.scalar(sa.select(operations.c.log_lines).where(*mine)) or 0
            line = {"operation": self.operation.id, "n": n, "at": now, "level": level, "text": text[:LONGEST_TEXT]}
            connection.execute(operation_log.insert().values(line))
            old = operation_log.c.operation == self.operation.id, operation_log.c.n <= n - LOG_LINES_KEPT
            connection.execute(operation_log.delete().where(*old))

    def error(self, text: str) -> None:
        """Show an error beside the progress; the first ones are kept, all are counted."""
        self._error_count += 1
        if len(self._errors) < ERRORS_KEPT:
            self._errors.append(text[:LONGEST_TEXT])
        self.log(text, level="error")
        self._write()

    def cleaning_up(self) -> None:
        """From here on a cancel is not raised again: the handler is ending what it began."""
        self._cleaning_up = True

    def set_aside(self) -> NoReturn:
        """Give the operation back, so that another worker takes it up at once; always raises OperationInterrupted."""
        self._write(owner=None, lease_until=None)
        raise OperationInterrupted(title=self.operation.title)

    def hold_for_review(self, found: Mapping[str, Any]) -> NoReturn:
        """Give the operation back until someone approves it; always raises OperationHeld, for the worker."""
        self._write(state=OperationState.WAITING, result=_json(found), owner=None, lease_until=None)
        raise OperationHeld(title=self.operation.title)

    def succeed(self, result: Mapping[str, Any]) -> None:
        self._finish(OperationState.SUCCEEDED, result=_json(result))

    def fail(self, sentence: str) -> None:
        """End it with the reason last among the errors shown, whatever went wrong before."""
        self._error_count += 1
        self._errors = [*self._errors[: ERRORS_KEPT - 1], sentence[:LONGEST_TEXT]]
        self._finish(OperationState.FAILED)

    def cancelled(self, outcome: str) -> None:
        """End it as cancelled; `outcome` says what is left behind."""
        self._finish(OperationState.CANCELLED, result=_json({"outcome": outcome}))

    def _finish(self, state: OperationState, **values: Any) -> None:
        self._cleaning_up = True
        now = self._now()
        self._finish_phase(now)
        self._write(state=state, finished_at=now, holds=None, lease_until=None, **values)

    def _finish_phase(self, now: Any) -> None:
        if self._phases and self._phases[-1].finished_at is None:
            self._phases[-1] = replace(self._phases[-1], finished_at=now)

    def _rate(self) -> float | None:
        if len(self._measured) < 2:
            return None
        (first_at, first), (last_at, last) = self._measured[0], self._measured[-1]
        return (last - first) / (last_at - first_at) if last_at > first_at else None

    def _write(self, **values: Any) -> None:
        current = self._phases[-1] if self._phases else None
        told: dict[str, Any] = {
            "phases": msgspec.json.encode(self._phases).decode(),
            "done": current.done if current else None,
            "total": current.total if current else None,
            "rate": self._rate(),
            "errors": msgspec.json.encode(self._errors).decode(),
            "error_count": self._error_count,
            "heartbeat_at": database_now(),
            "lease_until": database_now(sa.literal(self._lease_seconds, sa.Float)),
        }
        mine = operations.c.id == self.operation.id, operations.c.token == self._token
        wanted = sa.true() if self._cleaning_up else operations.c.state != OperationState.CANCELLING
        with self._database.write(durable=bool(values)) as connection:  # progress may be lost with the power
            written = connection.execute(operations.update().where(*mine, wanted).values(told | values)).rowcount == 1
            if not written and connection.scalar(sa.select(operations.c.state).where(*mine)) is None:
                raise OperationLost(title=self.operation.title)
        self._written = time.monotonic()
        if not written:
            raise OperationCancelled(title=self.operation.title)

    def _now(self) -> Any:
        with self._database.glance() as connection:
            return self._database.now(connection)


def _json(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
