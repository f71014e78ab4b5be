"""Long work from a shell: asked for like from the console, then watched. Without a living worker it is done here."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup, with_appcontext

from cqrs.cli_access import ready_runtime
from cqrs.cli_output import deed, show, show_table
from cqrs.runtime import Runtime
from cqrs.workers.operation import Operation, OperationState
from cqrs.workers.operation_runner import OperationRunner

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
reason_option = click.option("--reason", help="Why, for the audit trail.")

#: Seconds between two looks at how far it is.
LOOK_SECONDS = 0.2
BAR_WIDTH = 30
LIST_FIELDS = ("id", "kind", "projection", "state", "phase", "done", "total", "requested_at", "actor")
FIELDS = (
    "id", "kind", "projection", "state", "phase", "done", "total", "rate", "eta_seconds", "errors", "result",
)  # fmt: skip
PARKED_FIELDS = ("key", "position", "event_type", "error", "attempts", "held", "parked_by", "reason")


operations = AppGroup("operations", help="What was asked for, and how it goes.")
parked = AppGroup("parked", help="Keys that were set aside because one of their events could not be applied.")


@click.command()
@with_appcontext
@click.argument("name")
@click.option("--review", is_flag=True, help="Wait for approval before readers are given the new rows.")
@reason_option
@as_json
def replay(name: str, review: bool, reason: str | None, as_json: bool) -> None:
    """Derive all rows of a projection anew beside those readers see, then swap them in.

    Shows how it goes until it is over. Ends with exit code 1 when it failed, was cancelled, or waits for review.
    """
    runtime = ready_runtime()
    with deed(runtime, "replay", name, reason=reason) as actor:
        asked = runtime.start_replay(name, actor=actor, reason=reason, review=review)
    _follow(runtime, asked, as_json)


@click.command()
@with_appcontext
@click.argument("name")
@reason_option
@as_json
def rollback(name: str, reason: str | None, as_json: bool) -> None:
    """Give readers the generation they saw before. Needs a reason where other code made that one."""
    runtime = ready_runtime()
    with deed(runtime, "rollback", name, reason=reason) as actor:
        asked = runtime.start_rollback(name, actor=actor, reason=reason)
    _follow(runtime, asked, as_json)


@operations.command("list")
@click.option("--kind", help="Only of this kind.")
@click.option("--state", type=click.Choice([state.value for state in OperationState]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@as_json
def list_operations(kind: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """The newest first."""
    found = ready_runtime().operations.page(kind=kind, state=state, limit=limit)
    if as_json:
        show({"operations": [document(each) for each in found]})
    else:
        show_table([{name: getattr(each, name) for name in LIST_FIELDS} for each in found], LIST_FIELDS)


@operations.command("cancel")
@click.argument("identity", metavar="ID")
def cancel(identity: str) -> None:
    """Ask an operation to end; what it began is removed."""
    runtime = ready_runtime()
    target = f"{runtime.operations.get(identity).kind} {identity}"
    with deed(runtime, "cancel", target) as actor:
        after = runtime.operations.cancel(identity, actor=actor)
    click.echo(f"{after.title} {'is cancelled' if after.state.finished else 'was asked to stop'}.")


@operations.command("approve")
@click.argument("identity", metavar="ID")
def approve(identity: str) -> None:
    """Let an operation go on that waits for review."""
    runtime = ready_runtime()
    target = f"{runtime.operations.get(identity).kind} {identity}"
    with deed(runtime, "approve", target) as actor:
        after = runtime.operations.approve(identity, actor=actor)
    click.echo(f"{after.title} goes on.")


@parked.command("list")
@click.argument("name")
@as_json
def list_parked(name: str, as_json: bool) -> None:
    """Those of a projection, by key; as a table the first 200."""
    runtime = ready_runtime()
    found, cursor = [], None
    while True:
        page = runtime.projections.parked(name, cursor=cursor, limit=200)
        found += [{field: getattr(key, field) for field in PARKED_FIELDS} for key in page.items]
        cursor = page.next
        if cursor is None or not as_json:
            break
    show({"parked": found}) if as_json else show_table(found, PARKED_FIELDS)


@parked.command("add")
@click.argument("name")
@click.option("--position", type=int, help="Only if it stands at this event.")
@reason_option
@as_json
def park(name: str, position: int | None, reason: str | None, as_json: bool) -> None:
    """Set aside the key at which a projection stopped, with its later events; it goes on with all others."""
    runtime = ready_runtime()
    status = runtime.projections.status(name)
    if position is None:
        position = status.failure.position if status.failure else status.checkpoint or 0
    with deed(runtime, "park", f"{name}, event {position}", reason=reason) as actor:
        key = runtime.projections.park_failing(name, position, actor=actor, reason=reason)
    facts = {field: getattr(key, field) for field in PARKED_FIELDS}
    show({"parked": facts}) if as_json else click.echo(f"{key.key} is parked at {key.position:,}; {name} goes on.")


@parked.command("retry")
@click.argument("name")
@click.argument("key", required=False)
@as_json
def retry(name: str, key: str | None, as_json: bool) -> None:
    """Apply the events of one key, or of all parked keys, again; exit code 1 when one fails again."""
    runtime = ready_runtime()
    with deed(runtime, "retry", name if key is None else f"{name} {key}"):
        released = runtime.projections.retry_parked(name, key)
    _tell_released(released.keys, released.failed, as_json)


@parked.command("skip")
@click.argument("name")
@click.argument("key")
@click.option("--reason", required=True, help="Why nobody will apply this event to this key again.")
@as_json
def skip(name: str, key: str, reason: str, as_json: bool) -> None:
    """Pass over the event a key failed at, for good, and apply what comes behind it; also where a projection stopped at
    that key."""
    runtime = ready_runtime()
    failure = runtime.projections.status(name).failure
    with deed(runtime, "skip", f"{name} {key}", reason=reason) as actor:
        if failure is not None and failure.key == key:
            runtime.projections.skip_failing(name, failure.position, reason=reason, actor=actor)
            show({"skipped": failure.position}) if as_json else click.echo(
                f"{name} goes on behind {failure.position:,}."
            )
            return
        released = runtime.projections.skip_parked(name, key, reason=reason, actor=actor)
    _tell_released(released.keys, released.failed, as_json)


def document(operation: Operation) -> dict[str, Any]:
    return {name: getattr(operation, name) for name in FIELDS}


def _tell_released(keys: Any, failed: Any, as_json: bool) -> None:
    if as_json:
        show({"released": list(keys), "failed": [{f: getattr(key, f) for f in PARKED_FIELDS} for key in failed]})
    else:
        click.echo(f"{len(keys):,} released, {len(failed):,} failed again.")
        for key in failed:
            click.echo(f"{key.key} at {key.position}: {key.error.splitlines()[0]}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


def _follow(runtime: Runtime, asked: Operation, as_json: bool) -> None:
    operation = watched(runtime, asked, quiet=as_json)
    if as_json:
        show(document(operation))
    else:
        click.echo(_ending(operation))
    if operation.state is not OperationState.SUCCEEDED:
        raise click.exceptions.Exit(1)


def succeeded(runtime: Runtime, asked: Operation, *, quiet: bool) -> Operation:
    """Watch it to its end. Raises ClickException unless that is a good one."""
    operation = watched(runtime, asked, quiet=quiet)
    if operation.state is not OperationState.SUCCEEDED:
        raise click.ClickException(_ending(operation))
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


def _ending(operation: Operation) -> str:
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
