"""What belongs to this application and to this request: found through Flask, typed here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import current_app, g

if TYPE_CHECKING:
    from cqrs.console.access_rule import Access
    from cqrs.console.rate_limit import RateLimit
    from cqrs.operators.principal import Principal
    from cqrs.operators.sessions import Session
    from cqrs.runtime import Runtime

EXTENSION = "projectionist"


@dataclass(kw_only=True)
class Console:
    """One per application: the runtime it shows, and what `create_console` found out about its routes."""

    runtime: Runtime
    rate_limit: RateLimit
    #: Blueprints of the domains: they declare no access of their own.
    domain_blueprints: set[str] = field(default_factory=set)
    #: First segments of paths that answer JSON, errors included.
    json_roots: set[str] = field(default_factory=set)
    #: Who may do what, by the name `needs` gave it.
    actions: dict[str, Access] = field(default_factory=dict)
    #: Addresses put together once, each with where the application was mounted then.
    addresses: dict[tuple[str | None, ...], tuple[str, str]] = field(default_factory=dict)


def console() -> Console:
    found: Console = current_app.extensions[EXTENSION]
    return found


def runtime() -> Runtime:
    return console().runtime


def principal() -> Principal | None:
    """Who asks; None when nobody has signed in, or the view is public."""
    found: Principal | None = g.get("principal")
    return found


def session() -> Session | None:
    """The browser session; None for tokens, proxies and visitors."""
    found: Session | None = g.get("session")
    return found
