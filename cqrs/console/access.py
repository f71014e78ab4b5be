"""Who may call which view. Everything is refused that does not say who may; one declaration decides and draws.

@bp.post("/projections/<name>/pause")
@needs(Role.OPERATOR, action="pause")
def pause(name: str) -> Response: ...

{% if can("pause") %} … {% else %} {{ refusal("pause") }} {% endif %}
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Flask, current_app, request

from cqrs.console import current
from cqrs.console.access_rule import PUBLIC, Access
from cqrs.errors import AccessDenied, NotSignedIn, ReadOnly
from cqrs.messages import Role

if TYPE_CHECKING:
    from cqrs.operators.principal import Principal

View = TypeVar("View", bound=Callable[..., Any])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
DECLARATION = "console_access"


def needs(role: Role, action: str | None = None, *, when_read_only: bool = False) -> Callable[[View], View]:
    """Declare who may call a view. With an `action`, each call becomes an audit row, refused and failed ones too."""
    return _declare(Access(role, action, when_read_only))


def public(view: View) -> View:
    """Declare that anybody may call a view: it must show and change nothing but its own business."""
    return _declare(PUBLIC)(view)


def _declare(access: Access) -> Callable[[View], View]:
    def declare(view: View) -> View:
        setattr(view, DECLARATION, access)
        return view

    return declare


def access_of(app: Flask, endpoint: str, method: str) -> Access | None:
    """None when the view declares nothing: then nobody may call it."""
    declared = getattr(app.view_functions[endpoint], DECLARATION, None)
    if isinstance(declared, Access):
        return declared
    if endpoint.rpartition(".")[0].partition(".")[0] in _console(app).domain_blueprints:
        return Access(Role.VIEWER) if method in SAFE_METHODS else Access(Role.OPERATOR, action="request")
    return None


def requested() -> Access | None:
    """The declaration of the view this request goes to; None without one, and where no route matched."""
    if request.endpoint is None:
        return None
    return access_of(current_app, request.endpoint, request.method)


def refuse_what_is_not_declared() -> None:
    """Raises NotSignedIn, AccessDenied or ReadOnly. Paths without a route ask for signing in like all others."""
    access = requested()
    if access is not None and access.role is None:
        return
    who = current.principal()
    if who is None:
        raise NotSignedIn()
    if request.endpoint is None:
        return
    if access is None:
        raise AccessDenied(
            action=f"{request.method} {request.path}", needed="a declaration in the code", actor=who.name, role=who.role
        )
    check(access, who)


def check(access: Access, who: Principal) -> None:
    """Raises AccessDenied or ReadOnly."""
    if access.role is not None and not who.role.allows(access.role):
        name = access.action or f"{request.method} {request.path}"
        raise AccessDenied(action=name.capitalize(), needed=access.role, actor=who.name, role=who.role)
    if request.method not in SAFE_METHODS and blocked_by_read_only(access):
        raise ReadOnly()


def blocked_by_read_only(access: Access) -> bool:
    return current.runtime().settings.read_only and not access.when_read_only


def can(action: str) -> bool:
    """Whether who is asking may do this. For templates: draws exactly what `needs` would let through."""
    return refusal(action) is None


def refusal(action: str) -> str | None:
    """Why who is asking may not do this, in a few words; None when they may."""
    access = current.console().actions[action]
    who = current.principal()
    if who is None:
        return "refused: sign in first"
    if access.role is not None and not who.role.allows(access.role):
        return f"refused: needs {access.role}"
    return "refused: this console is read-only" if blocked_by_read_only(access) else None


def actions_of(app: Flask) -> dict[str, Access]:
    """Raises ValueError when one action asks for two roles: a template could not draw it."""
    found: dict[str, Access] = {}
    for view in app.view_functions.values():
        access = getattr(view, DECLARATION, None)
        if isinstance(access, Access) and access.action and found.setdefault(access.action, access) != access:
            raise ValueError(f"The action {access.action} is declared with different roles.")
    return found


def _console(app: Flask) -> current.Console:
    found: current.Console = app.extensions[current.EXTENSION]
    return found
