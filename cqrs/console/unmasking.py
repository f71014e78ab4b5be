"""An admin may see what is masked, by asking for it: each time leaves an audit row."""

from __future__ import annotations

from flask import request

from cqrs.console import current, trail
from cqrs.console.parameters import Parameters
from cqrs.errors import AccessDenied, NotSignedIn
from cqrs.messages import Role

PARAMETER = "unmask"


def unmask_asked(parameters: Parameters) -> bool:
    """Whether the address says unmask=1. Raises AccessDenied for anybody but admins."""
    if not parameters.flag(PARAMETER):
        return False
    who = current.principal()
    if who is None:
        raise NotSignedIn()
    trail.note(action="unmask", target=request.path)
    if not who.role.allows(Role.ADMIN):
        raise AccessDenied(action="Seeing masked fields", needed=Role.ADMIN, actor=who.name, role=who.role)
    return True
