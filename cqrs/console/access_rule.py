"""What a view declares about who may call it."""

from __future__ import annotations

from dataclasses import dataclass

from cqrs.messages import Role


@dataclass(frozen=True, slots=True)
class Access:
    #: None: anybody, signed in or not.
    role: Role | None
    #: What an operator does with it, as the audit log names it; None for what changes nothing.
    action: str | None = None
    when_read_only: bool = False


PUBLIC = Access(None, when_read_only=True)
