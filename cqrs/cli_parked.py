"""Parked keys from a shell: those there are, setting one aside by hand, trying again, passing over what failed."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from cqrs.cli_access import ready_runtime
from cqrs.cli_output import deed, show, show_table
from cqrs.projections.ahead import Ahead
from cqrs.runtime import Runtime

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
AHEAD = ("key", "position", "event_type", "error", "held")
FIELDS = ("key", "position", "event_type", "error", "attempts", "held", "parked_by", "reason")

parked = AppGroup("parked", help="Keys that were set aside because one of their events could not be applied.")


@parked.command("list")
@click.argument("name")
@as_json
def list_parked(name: str, as_json: bool) -> None:
    """Those of a projection, by key; as a table the first 200."""
    runtime = ready_runtime()
    found, cursor = [], None
    while True:
        page = runtime.projections.parked(name, cursor=cursor, limit=200)
        found += [{field: getattr(key, field) for field in FIELDS} for key in page.items]
        cursor = page.next
        if cursor is None or not as_json:
            break
    show({"parked": found}) if as_json else show_table(found, FIELDS)


@parked.command("add")
@click.argument("name")
@click.option("--position", type=int, help="Only if it stands at this event.")
@click.option("--ahead", is_flag=True, help="The keys that fail behind it as well: see `parked ahead`.")
@click.option("--reason", help="Why, for the audit trail.")
@as_json
def park(name: str, position: int | None, ahead: bool, reason: str | None, as_json: bool) -> None:
    """Set aside the key at which a projection stopped, with its later events; it goes on with all others."""
    runtime = ready_runtime()
    if position is None:
        position = _standing_at(runtime, name)
    if ahead:
        _park_ahead(runtime, name, position, reason, as_json)
        return
    with deed(runtime, "park", f"{name}, event {position}", reason=reason) as actor:
        key = runtime.projections.park_failing(name, position, actor=actor, reason=reason)
    facts = {field: getattr(key, field) for field in FIELDS}
    show({"parked": facts}) if as_json else click.echo(f"{key.key} is parked at {key.position:,}; {name} goes on.")


def _standing_at(runtime: Runtime, name: str) -> int:
    status = runtime.projections.status(name)
    return status.failure.position if status.failure else status.checkpoint or 0


def _park_ahead(runtime: Runtime, name: str, position: int, reason: str | None, as_json: bool) -> None:
    with deed(runtime, "park", f"what fails of {name} from event {position} on", reason=reason) as actor:
        found = runtime.projections.ahead(name, position)
        keys = [each.key for each in found.keys]
        runtime.projections.park_ahead(name, position, until=found.until, keys=keys, actor=actor, reason=reason)
    if as_json:
        show(_ahead(found))
    else:
        counted = "1 key is" if len(keys) == 1 else f"{len(keys):,} keys are"
        click.echo(f"{counted} parked, all others applied up to {found.until:,}; {name} goes on.")


@parked.command("ahead")
@click.argument("name")
@as_json
def ahead(name: str, as_json: bool) -> None:
    """Look which keys fail where a projection stopped, and behind that event as far as is looked; changes nothing."""
    runtime = ready_runtime()
    found = runtime.projections.ahead(name, _standing_at(runtime, name))
    if as_json:
        show(_ahead(found))
        return
    show_table([{field: getattr(key, field) for field in AHEAD} for key in found.keys], AHEAD)
    end = "the head of the log" if found.is_head else f"event {found.until:,}"
    click.echo(f"{found.events:,} events looked at, up to {end}; {found.held:,} would be set aside.")


def _ahead(found: Ahead) -> dict[str, Any]:
    keys = [{field: getattr(key, field) for field in AHEAD} for key in found.keys]
    return {"until": found.until, "is_head": found.is_head, "events": found.events, "held": found.held, "keys": keys}


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


def _tell_released(keys: Any, failed: Any, as_json: bool) -> None:
    if as_json:
        show({"released": list(keys), "failed": [{f: getattr(key, f) for f in FIELDS} for key in failed]})
    else:
        click.echo(f"{len(keys):,} released, {len(failed):,} failed again.")
        for key in failed:
            click.echo(f"{key.key} at {key.position}: {key.error.splitlines()[0]}", err=True)
    if failed:
        raise click.exceptions.Exit(1)
