"""`cqrs people …` and `cqrs tokens …`: who may come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import click
from flask import current_app
from flask.cli import AppGroup

from cqrs.cli_output import deed, show, show_table, tell, user
from cqrs.messages import Role
from cqrs.runtime import EXTENSION, Runtime
from cqrs.settings import Settings

people = AppGroup("people", help="Who may use the console.")
tokens = AppGroup("tokens", help="What scripts use the API with.")

role_option = click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

PERSON_FIELDS = ("name", "role", "created_at", "created_by", "disabled_at")
TOKEN_FIELDS = ("name", "role", "created_at", "created_by", "used_at", "revoked_at")


def ready_runtime() -> Runtime:
    """Once its tables are known to be there."""
    runtime: Runtime = current_app.extensions[EXTENSION]
    runtime.check()
    return runtime


@people.command("add")
@click.argument("name")
@role_option
@as_json
def add_person(name: str, role: str, as_json: bool) -> None:
    """Let someone in; prints a link that signs them in once, within 15 minutes."""
    runtime = ready_runtime()
    with deed(runtime, "add person", name, detail={"role": role}) as actor:
        runtime.people.add(name, Role(role), by=actor)
        link = sign_in_link(runtime.settings, runtime.people.link(name, by=actor))
    show({"name": name, "role": role, "link": link}) if as_json else click.echo(link)


@people.command("link")
@click.argument("name")
@as_json
def link_person(name: str, as_json: bool) -> None:
    """Another link for someone who was added before."""
    runtime = ready_runtime()
    with deed(runtime, "make sign-in link", name) as actor:
        link = sign_in_link(runtime.settings, runtime.people.link(name, by=actor))
    show({"name": name, "link": link}) if as_json else click.echo(link)


@people.command("list")
@as_json
def list_people(as_json: bool) -> None:
    """Everyone who was ever added."""
    _list("people", ready_runtime().people.list(), PERSON_FIELDS, as_json)


@people.command("disable")
@click.argument("name")
@as_json
def disable_person(name: str, as_json: bool) -> None:
    """Keep someone out: ends their sessions and links at once."""
    runtime = ready_runtime()
    with deed(runtime, "disable person", name):
        runtime.people.disable(name, by=user())
    tell(f"{name} is disabled.", {"name": name, "disabled": True}, as_json)


@tokens.command("add")
@click.argument("name")
@role_option
@as_json
def add_token(name: str, role: str, as_json: bool) -> None:
    """Make a token; it is shown this once."""
    runtime = ready_runtime()
    with deed(runtime, "add token", name, detail={"role": role}) as actor:
        token = runtime.tokens.add(name, Role(role), by=actor)
    show({"name": name, "role": role, "token": token}) if as_json else click.echo(token)


@tokens.command("list")
@as_json
def list_tokens(as_json: bool) -> None:
    """All tokens, newest first, revoked ones too; never the token itself."""
    _list("tokens", ready_runtime().tokens.list(), TOKEN_FIELDS, as_json)


@tokens.command("revoke")
@click.argument("name")
@as_json
def revoke_token(name: str, as_json: bool) -> None:
    """Refuse a token from now on."""
    runtime = ready_runtime()
    with deed(runtime, "revoke token", name):
        runtime.tokens.revoke(name, by=user())
    tell(f"The token {name} is revoked.", {"name": name, "revoked": True}, as_json)


def sign_in_link(settings: Settings, token: str) -> str:
    return f"{settings.address}/sign-in?{urlencode({'token': token})}"


def _list(noun: str, found: Sequence[object], fields: tuple[str, ...], as_json: bool) -> None:
    rows: list[dict[str, Any]] = [{name: getattr(each, name) for name in fields} for each in found]
    show({noun: rows}) if as_json else show_table(rows, fields)
