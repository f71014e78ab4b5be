"""How commands print what they found, and leave word of what they did."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
import msgspec

from cqrs.drift.repair_preview import Preview
from cqrs.errors import CqrsError
from cqrs.messages import Role
from cqrs.runtime import Runtime
from cqrs.store.records import RecordedEvent
from cqrs.system_report import LogReport

#: Where a deed came from, instead of a network address.
SHELL = "shell"


def show(document: object, *, compact: bool = False) -> None:
    """As JSON, times in ISO 8601."""
    encoded = msgspec.json.encode(document)
    click.echo((encoded if compact else msgspec.json.format(encoded, indent=2)).decode())


def tell(sentence: str, document: Mapping[str, Any], as_json: bool) -> None:
    """What was done: a sentence for people, one line of JSON for programs."""
    show(document, compact=True) if as_json else click.echo(sentence)


def event_document(runtime: Runtime, event: RecordedEvent) -> dict[str, Any]:
    """The event as the API names its parts, with data as they were stored."""
    stored = {"data": msgspec.Raw(event.data.encode()), "metadata": msgspec.Raw(event.metadata.encode())}
    return {**event._asdict(), **stored, "summary": runtime.summary(event)}


def show_log(log: LogReport) -> None:
    """Where it stands, and what readers wait for if they do."""
    behind = "" if log.safe_head == log.head else f", of which readers may pass {log.safe_head:,}"
    click.echo(f"\nThe head of the log is {log.head:,}{behind}.")
    if log.order is not None and log.order.sentence is not None:
        click.echo(log.order.sentence)
        for holder in log.order.holders:
            how = f"flask --app app cqrs end-append {holder.transaction}"
            click.echo(f"To end it by force, which rolls its append back: {how}")


def show_preview(planned: Preview, as_json: bool) -> None:
    """What a repair would write; values are masked."""
    if as_json:
        show(planned)
        return
    lines = [
        {"key": row.key, "column": name, "stored": before.get(name), "would_be": after.get(name)}
        for row in planned.rows
        for before, after in [(row.before or {}, row.after or {})]
        for name in dict.fromkeys([*before, *after])
    ]
    show_table(lines, ("key", "column", "stored", "would_be"))
    left = {"right": planned.right, "parked": planned.parked, "underived": planned.underived, "no key": planned.no_keys}
    told = ", ".join(f"{count:,} {name}" for name, count in left.items() if count)
    click.echo(f"{len(planned.rows):,} rows would be written. Nothing was.{f' Left alone: {told}.' if told else ''}")
    if planned.advice is not None:
        click.echo(planned.advice)


def show_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Aligned, unknown values as a dash."""
    lines = [[column.replace("_", " ").upper() for column in columns]]
    lines += [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds").replace("+00:00", "Z")
    return str(value)


def user() -> str:
    """Who works at the shell, as the system knows them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "someone"
    return f"{name} ({SHELL})"


@contextmanager
def deed(
    runtime: Runtime, action: str, target: str, *, reason: str | None = None, detail: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Leaves an audit row of what happens inside, also when it is refused. Gives the actor's name."""
    actor, outcome = user(), "failed"
    try:
        yield actor
        outcome = "done"
    except CqrsError:
        outcome = "refused"
        raise
    finally:
        runtime.audit.record(
            actor=actor, role=Role.ADMIN.value, address=SHELL, action=action, target=target, outcome=outcome,
            reason=reason, detail=detail,
        )  # fmt: skip
