"""Long work from a shell: asked for like from the console, then watched."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup, with_appcontext

from cqrs.cli_access import ready_runtime
from cqrs.cli_output import deed, show, show_table
from cqrs.cli_watching import ending, watched
from cqrs.runtime import Runtime
from cqrs.workers.operation import Operation, OperationState

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
reason_option = click.option("--reason", help="Why, for the audit trail.")

LIST_FIELDS = ("id", "kind", "projection", "state", "phase", "done", "total", "requested_at", "actor")
FIELDS = (
    "id", "kind", "projection", "state", "phase", "done", "total", "rate", "eta_seconds", "errors", "result",
)  # fmt: skip

operations = AppGroup("operations", help="What was asked for, and how it goes.")


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


def document(operation: Operation) -> dict[str, Any]:
    return {name: getattr(operation, name) for name in FIELDS}


def _follow(runtime: Runtime, asked: Operation, as_json: bool) -> None:
    operation = watched(runtime, asked, quiet=as_json)
    if as_json:
        show(document(operation))
    else:
        click.echo(ending(operation))
    if operation.state is not OperationState.SUCCEEDED:
        raise click.exceptions.Exit(1)
