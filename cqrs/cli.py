"""`flask --app app cqrs …`: what is done from a shell. Refusals are one sentence on stderr and exit code 1."""

from __future__ import annotations

import functools
import signal
import threading
from collections.abc import Callable
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from cqrs import interpreter, log_lines
from cqrs.cli_access import people, tokens
from cqrs.cli_operations import operations, replay, rollback
from cqrs.cli_output import deed, event_document, show, show_log, show_preview, show_table, tell
from cqrs.cli_parked import parked
from cqrs.cli_schedules import schedules
from cqrs.cli_watching import succeeded
from cqrs.demo import seed as load_demo
from cqrs.errors import CqrsError, LogNotEmpty
from cqrs.projections.status import ProjectionStatus
from cqrs.requests import LEVELS, REFERENCES
from cqrs.runtime import EXTENSION, Runtime
from cqrs.store.records import EventFilter, RecordedEvent
from cqrs.system_report import log_document, log_report
from cqrs.workers.operation import Operation
from cqrs.workers.scheduler import Scheduler
from cqrs.workers.worker import Worker

STATUS_FIELDS = (
    "name", "state", "checkpoint", "head", "lag_events", "lag_seconds", "seconds_since_advance", "rate", "parked",
    "generation", "last_check",
)  # fmt: skip
CHECK_FIELDS = (
    "id", "projection", "level", "reference", "verdict", "reason", "position", "rows", "checked", "missing", "extra",
    "changed", "pending", "method",
)  # fmt: skip
#: Events asked for at once while following the log.
PAGE = 200


class Commands(AppGroup):
    """Turns our errors into sentences, for all commands and groups in it."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except CqrsError as error:
            raise click.ClickException(str(error)) from None


cqrs_group = Commands("cqrs", help="The event log, its projections, and who may see them.")
cqrs_group.add_command(people)
cqrs_group.add_command(tokens)
cqrs_group.add_command(schedules)
for command in (replay, rollback, operations, parked):
    cqrs_group.add_command(command)

every = click.option("--all", "every", is_flag=True, help="All projections.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def with_runtime(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the command the runtime, once its tables are known to be there."""

    @functools.wraps(command)
    def checked(*args: Any, **options: Any) -> Any:
        runtime: Runtime = current_app.extensions[EXTENSION]
        runtime.check()
        return command(runtime, *args, **options)

    return checked


@cqrs_group.command("init-db")
@as_json
def init_db(as_json: bool) -> None:
    """Make the tables, or bring them up to date."""
    runtime: Runtime = current_app.extensions[EXTENSION]
    runtime.init()
    tell(f"The tables of {runtime.main.name} are up to date.", {"database": runtime.main.name}, as_json)


@cqrs_group.command()
@as_json
@with_runtime
def seed(runtime: Runtime, as_json: bool) -> None:
    """Load the demo data of the domains into an empty log."""
    if runtime.events.head() > 0:
        raise LogNotEmpty(database=runtime.main.name)
    load_demo(runtime)
    head = runtime.events.head()
    tell(f"The log holds {head:,} events of demo data.", {"head": head}, as_json)


@cqrs_group.command()
@as_json
@with_runtime
def status(runtime: Runtime, as_json: bool) -> None:
    """How far each projection is, the one that needs you most first, and where the log stands."""
    statuses = [status_document(found) for found in runtime.projections.statuses()]
    log = log_report(runtime)
    if as_json:
        show({"projections": statuses, **log_document(log)})
    else:
        show_table(statuses, ("name", "state", "checkpoint", "head", "lag_events", "parked"))
        show_log(log)


@cqrs_group.command("end-append")
@click.argument("transaction")
@click.option("--reason", help="Why, for the audit trail.")
@as_json
@with_runtime
def end_append(runtime: Runtime, transaction: str, reason: str | None, as_json: bool) -> None:
    """End by force an append that holds the order of the log: it is rolled back. See status for its TRANSACTION."""
    with deed(runtime, "end-append", transaction, reason=reason):
        ended = runtime.events.end_holder(transaction)
    document = {"transaction": transaction, "pid": ended.pid, "prepared": ended.prepared}
    tell(f"The append of {ended.name} was ended and rolled back.", document, as_json)


@cqrs_group.command("catch-up")
@click.argument("name", required=False)
@as_json
@with_runtime
def catch_up(runtime: Runtime, name: str | None, as_json: bool) -> None:
    """Apply all events there are to one projection, or to all, then stop."""
    applied = runtime.projections.catch_up(name)
    tell(f"Caught up; {applied:,} events were applied.", {"applied": applied}, as_json)


@cqrs_group.command()
@with_runtime
def worker(runtime: Runtime) -> None:
    """Move the projections and fire the schedules until SIGTERM or Ctrl-C."""
    log_lines.configure(runtime.settings.log_format)
    interpreter.settle()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    work = Worker(runtime)
    scheduler = Scheduler(runtime, work.id)
    work.start()
    scheduler.start()
    click.echo(f"Worker {work.id} is at work.")
    stopping.wait()
    scheduler.stop()
    work.stop()


@cqrs_group.command()
@click.argument("name", required=False)
@every
@click.option("--reason", help="Why, for the audit trail.")
@as_json
@with_runtime
def pause(runtime: Runtime, name: str | None, every: bool, reason: str | None, as_json: bool) -> None:
    """Stop a projection where it is."""
    for each in _chosen(runtime, name, every):
        with deed(runtime, "pause", each, reason=reason) as actor:
            runtime.projections.pause(each, actor=actor, reason=reason)
        tell(f"{each} is paused.", status_document(runtime.projections.status(each)), as_json)


@cqrs_group.command()
@click.argument("name", required=False)
@every
@as_json
@with_runtime
def resume(runtime: Runtime, name: str | None, every: bool, as_json: bool) -> None:
    """Let a projection that was paused, or that failed, go on."""
    for each in _chosen(runtime, name, every):
        with deed(runtime, "resume", each) as actor:
            runtime.projections.resume(each, actor=actor)
        tell(f"{each} goes on.", status_document(runtime.projections.status(each)), as_json)


def status_document(found: ProjectionStatus) -> dict[str, Any]:
    return {name: getattr(found, name) for name in STATUS_FIELDS}


def _chosen(runtime: Runtime, name: str | None, every: bool) -> tuple[str, ...]:
    if every == (name is not None):
        raise click.UsageError("Give the name of a projection, or --all.")
    return runtime.projections.names() if name is None else (name,)


@cqrs_group.command()
@click.argument("name")
@click.option("--level", default="full", show_default=True, help="How much to look at: " + ", ".join(LEVELS) + ".")
@click.option(
    "--reference", default="log", show_default=True, help="What to compare with: " + ", ".join(REFERENCES) + "."
)
@click.option("--reason", help="Why, for the audit trail.")
@as_json
@with_runtime
def check(runtime: Runtime, name: str, level: str, reference: str, reason: str | None, as_json: bool) -> None:
    """Compare the rows of a read model with the log; tells what it found, and changes no row.

    full looks at all rows; incremental at what may have changed since; rolling at the next ones in turn; sample at
    some at random.
    """
    with deed(runtime, "check", name, reason=reason) as actor:
        asked = runtime.start_check(name, actor=actor, level=level, reference=reference, reason=reason)
    _show_check(runtime, succeeded(runtime, asked, quiet=as_json), as_json)


@cqrs_group.command()
@click.argument("name")
@click.option("--check", "check_id", help="Repair all that this check found.")
@click.option("--key", "keys", multiple=True, help="Repair the row of this key; may be given several times.")
@click.option("--dry-run", is_flag=True, help="Write nothing: print what would be written, of the first 200 keys.")
@click.option("--reason", help="Why, for the audit trail.")
@as_json
@with_runtime
def repair(
    runtime: Runtime,
    name: str,
    check_id: str | None,
    keys: tuple[str, ...],
    dry_run: bool,
    reason: str | None,
    as_json: bool,
) -> None:
    """Write rows anew from the log, then compare them again."""
    identity = check_id.removeprefix("/api/checks/") if check_id else None
    if dry_run:
        show_preview(runtime.preview_repair(name, keys=keys or None, check=identity), as_json)
        return
    with deed(runtime, "repair", name, reason=reason) as actor:
        asked = runtime.start_repair(name, actor=actor, keys=keys or None, check=identity, reason=reason)
    done = succeeded(runtime, asked, quiet=as_json)
    if not as_json:
        click.echo(f"{(done.result or {})['repaired']:,} rows were repaired.")
    _show_check(runtime, done, as_json)


def _show_check(runtime: Runtime, operation: Operation, as_json: bool) -> None:
    result = dict(operation.result or {})
    found = runtime.checks.get(str(result["check"]).removeprefix("/api/checks/"))
    facts = {field: getattr(found, field) for field in CHECK_FIELDS}
    if as_json:
        show({**facts, **result})
    else:
        show_table([facts], CHECK_FIELDS)


@cqrs_group.group("events", cls=Commands)
def events() -> None:
    """The log."""


@events.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many of the last.")
@click.option("--after", type=click.IntRange(0), help="All from this position on instead.")
@click.option("--type", "types", multiple=True, help="Only events of this type; may be given several times.")
@click.option("--stream", help="Only events of this stream.")
@click.option("--follow", "-f", is_flag=True, help="Go on with new ones until Ctrl-C.")
@as_json
@with_runtime
def tail(
    runtime: Runtime,
    limit: int,
    after: int | None,
    types: tuple[str, ...],
    stream: str | None,
    follow: bool,
    as_json: bool,
) -> None:
    """The last events, oldest first; as JSON one event a line."""
    where = EventFilter(types=types, stream=stream)
    start = runtime.events.safe_head()
    if after is None:
        for event in reversed(runtime.events.read_back(before=start + 1, limit=limit, where=where)):
            _print_event(runtime, event, as_json)
    else:
        _print_all(runtime, after, start, where, as_json)
    while follow:
        if head := runtime.events.wait_beyond(start, 1.0):
            _print_all(runtime, start, head, where, as_json)
            start = head


def _print_all(runtime: Runtime, after: int, until: int, where: EventFilter, as_json: bool) -> None:
    while page := runtime.events.read_all(after=after, until=until, limit=PAGE, where=where):
        for event in page:
            _print_event(runtime, event, as_json)
        after = page[-1].position


def _print_event(runtime: Runtime, event: RecordedEvent, as_json: bool) -> None:
    if as_json:
        show(event_document(runtime, event), compact=True)
    else:
        at = event.recorded_at.isoformat(timespec="seconds").replace("+00:00", "Z")
        sentence = runtime.summary(event) or event.data
        click.echo(f"{event.position:>8}  {at}  {event.stream}  {event.type}  {log_lines.printable(sentence)}")
