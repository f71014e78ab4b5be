"""Watching an operation from a shell until it is over. Without a living worker it is carried out here."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from cqrs.runtime import Runtime
from cqrs.workers.operation import Operation, OperationState
from cqrs.workers.operation_runner import OperationRunner

#: Seconds between two looks at how far it is.
LOOK_SECONDS = 0.2
BAR_WIDTH = 30


def succeeded(runtime: Runtime, asked: Operation, *, quiet: bool) -> Operation:
    """Watch it to its end. Raises ClickException unless that is a good one."""
    operation = watched(runtime, asked, quiet=quiet)
    if operation.state is not OperationState.SUCCEEDED:
        raise click.ClickException(ending(operation))
    return operation


def watched(runtime: Runtime, asked: Operation, *, quiet: bool) -> Operation:
    """Until it is over, or waits for somebody. Leaving with Ctrl-C stops the watching, and what is done here."""
    bar = Bar(quiet=quiet)
    with _worked_on(runtime, asked.id) as wait:
        operation = asked
        while not (operation.state.finished or operation.state is OperationState.WAITING):
            bar.draw(operation)
            wait(LOOK_SECONDS)
            operation = runtime.operations.get(asked.id)
    bar.draw(operation)
    bar.end()
    return operation


@contextmanager
def _worked_on(runtime: Runtime, identity: str) -> Iterator[Callable[[float], object]]:
    """While somebody carries it out: the worker that is alive, else a thread of this process. Gives how to wait."""
    if runtime.workers.alive():
        yield threading.Event().wait
        return
    over, errors = threading.Event(), list[Exception]()
    runner = OperationRunner(runtime.operations, runtime.operation_handlers, f"shell {identity}", over.is_set)

    def work() -> None:
        try:
            while not over.is_set():
                if not runner.step():
                    over.wait(LOOK_SECONDS)
        except Exception as error:
            errors.append(error)

    def wait(seconds: float) -> None:
        if errors:
            raise errors[0]
        over.wait(seconds)

    thread = threading.Thread(target=work, name="operations")
    thread.start()
    try:
        yield wait
    finally:
        over.set()
        thread.join()


def ending(operation: Operation) -> str:
    result = operation.result or {}
    match operation.state:
        case OperationState.SUCCEEDED:
            compared = result.get("compared") or {}
            counts = ", ".join(f"{number:,} {word}" for word, number in compared.items())
            rows = f" Rows: {counts}." if counts else ""
            return f"Readers see generation {result.get('generation')}, as of position {result.get('position')}.{rows}"
        case OperationState.WAITING:
            return (
                f"{operation.title} waits for review: {result.get('why')} Readers see the rows they saw before.\n"
                f"Let it go on: flask --app app cqrs operations approve {operation.id}"
            )
        case OperationState.CANCELLED:
            return f"{operation.title} was cancelled. {result.get('outcome', '')}".strip()
    return f"{operation.title} failed: {operation.errors[-1] if operation.errors else 'the reason is unknown.'}"


class Bar:
    """One line on stderr that is drawn over itself on a terminal; elsewhere one line a phase."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._drawn = ""
        self._quiet = quiet
        self._over: bool = sys.stderr.isatty()

    def draw(self, operation: Operation) -> None:
        if self._quiet:
            return
        line = self.line(operation) if self._over else f"{operation.kind}: {operation.phase or operation.state}"
        if line == self._drawn:
            return
        blank = " " * max(0, len(self._drawn) - len(line))
        click.echo(f"\r{line}{blank}" if self._over else line, nl=not self._over, err=True)
        self._drawn = line

    def end(self) -> None:
        if self._over and self._drawn and not self._quiet:
            click.echo(err=True)

    @staticmethod
    def line(operation: Operation) -> str:
        """Such as "build [#####-----] 51 %  2,856 of 5,600  9,104/s  about 1 s left"."""
        done, total = operation.done, operation.total
        name = f"{operation.phase or operation.state:<9}"
        if done is None or not total:
            return f"{name} [{'?' * BAR_WIDTH}] how far it is is unknown"
        share = min(1.0, done / total)
        bar = "#" * int(BAR_WIDTH * share)
        speed = "speed unknown" if operation.rate is None else f"{operation.rate:,.0f}/s"
        left = "time left unknown" if operation.eta_seconds is None else f"about {operation.eta_seconds:,.0f} s left"
        return f"{name} [{bar:-<{BAR_WIDTH}}] {int(share * 100):3d} %  {done:,} of {total:,}  {speed}  {left}"
