"""In whose name a command of this request is sent."""

from __future__ import annotations

from cqrs.console import current
from cqrs.errors import NotSignedIn
from cqrs.messages import Context


def command_context(
    *, idempotency_key: str | None = None, expected_version: int | None = None, dry_run: bool = False
) -> Context:
    who = current.principal()
    if who is None:
        raise NotSignedIn()
    return Context(
        actor=who.name,
        role=who.role,
        idempotency_key=idempotency_key,
        expected_version=expected_version,
        dry_run=dry_run,
    )
