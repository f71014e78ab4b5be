"""Choosing a theme and a time zone: sets a cookie, and goes back to the page."""

from __future__ import annotations

from flask import Blueprint, Response, request

from cqrs.console import proxies
from cqrs.console.access import needs
from cqrs.console.preferences import KEPT_SECONDS, THEME_COOKIE, THEMES, ZONE_COOKIE, find_zone
from cqrs.console.redirects import safe_next, see_other
from cqrs.errors import InvalidMessage
from cqrs.messages import Role

bp = Blueprint("preferences", __name__)


@bp.post("/theme")
@needs(Role.VIEWER, when_read_only=True)
def theme() -> Response:
    chosen = request.form.get("theme", "")
    if chosen not in THEMES:
        raise InvalidMessage({"theme": [f"Choose one of: {', '.join(THEMES)}."]})
    return _keep(THEME_COOKIE, chosen)


@bp.post("/zone")
@needs(Role.VIEWER, when_read_only=True)
def zone() -> Response:
    chosen = request.form.get("zone", "")
    if find_zone(chosen) is None:
        raise InvalidMessage({"zone": ["Give the name of a time zone, such as UTC or Europe/Berlin."]})
    return _keep(ZONE_COOKIE, chosen)


def _keep(cookie: str, value: str) -> Response:
    response = see_other(safe_next(request.form.get("next")))
    response.set_cookie(
        cookie, value, max_age=KEPT_SECONDS, secure=proxies.is_secure(), httponly=True, samesite="Lax", path="/"
    )
    return response
