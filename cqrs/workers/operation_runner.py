"""Carries out operations: claims one, hands it to the handler of its kind, and writes down how it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cqrs.errors import (
    CqrsError,
    DatabaseBusy,
    DatabaseUnavailable,
    DiskFull,
    OperationCancelled,
    OperationHeld,
    OperationInterrupted,
    OperationLost,
)
from cqrs.workers.operations import Operations
from cqrs.workers.run import Run

log = logging.getLogger(__name__)

#: Faults of the machine, not of the operation: it stays claimed until its lease ends, then it is taken up again.
PASSING = (DatabaseBusy, DatabaseUnavailable, DiskFull)


class OperationHandler(Protocol):
    """How operations of one kind are done."""

    def carry_out(self, run: Run) -> Mapping[str, Any]:
        """Do the work and return its result. Called again after a crash: it must find out how far it had come."""
        ...

    def undo(self, run: Run) -> str:
        """Remove what an unfinished run left, and say in a sentence what that means for readers."""
        ...


class OperationRunner:
    """One thread's worth of work on operations of the kinds in `handlers`; `stopping` says when to set it aside."""

    def __init__(
        self,
        operations: Operations,
        handlers: Mapping[str, OperationHandler],
        owner: str,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._operations = operations
        self._handlers = dict(handlers)
        self._owner = owner
        self._stopping = stopping

    def step(self) -> bool:
        """Carry out one operation to its end; False when there was none. Raises what PASSING names."""
        run = self._operations.claim(self._owner, tuple(self._handlers))
        if run is None:
            return False
        run.stopping = self._stopping
        handler = self._handlers[run.operation.kind]
        try:
            self._carry_out(handler, run)
        except (OperationHeld, OperationInterrupted, OperationLost) as stopped:
            log.info("%s", stopped, extra={"operation": run.operation.id})
        return True

    def _carry_out(self, handler: OperationHandler, run: Run) -> None:
        try:
            run.succeed(handler.carry_out(run))
        except (OperationHeld, OperationInterrupted, OperationLost, *PASSING):
            raise
        except OperationCancelled:
            run.cleaning_up()
            run.cancelled(handler.undo(run))
        except Exception as error:
            run.cleaning_up()
            log.exception("%s failed", run.operation.title, extra={"operation": run.operation.id})
            sentence = str(error) if isinstance(error, CqrsError) else f"{type(error).__name__}: {error}"
            run.fail(f"{sentence} {handler.undo(run)}".strip())
