"""Whoever a request acts for, and what makes a name fit for the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cqrs.errors import InvalidName
from cqrs.messages import Role

LONGEST_NAME = 100

#: Actors that are no person: nobody may sign in under these names and so speak for them.
RESERVED = frozenset({"anonymous", "demo", "local", "system"})


@dataclass(frozen=True, slots=True)
class Principal:
    """People and tokens share one namespace: a name in the audit trail means one of them."""

    name: str
    role: Role
    kind: Literal["session", "token", "proxy"]


def check_name(name: str) -> str:
    """Raises InvalidName for what would mislead in a list: invisible characters, reserved or endless names."""
    if not name or name != name.strip() or not name.isprintable():
        raise InvalidName(name=name, why="it is empty, or has control characters or spaces at its ends")
    if len(name) > LONGEST_NAME:
        raise InvalidName(name=name[:20] + "…", why=f"it is longer than {LONGEST_NAME} characters")
    if name.casefold() in RESERVED:
        raise InvalidName(name=name, why="the program itself acts under it")
    return name
