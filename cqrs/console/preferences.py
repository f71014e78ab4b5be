"""How someone likes to see the console: kept in cookies of their browser, nothing of it on the server."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import g, request

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "projectionist_theme"
ZONE_COOKIE = "projectionist_zone"
KEPT_SECONDS = 365 * 86_400
LONGEST_ZONE = 64


def theme() -> str:
    """One of THEMES; auto follows the system."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


def zone_name() -> str:
    chosen = request.cookies.get(ZONE_COOKIE, "UTC")
    return chosen if find_zone(chosen) else "UTC"


def zone() -> ZoneInfo:
    """The same all through a request: a list asks for it at every row."""
    if "zone" not in g:
        g.zone = ZoneInfo(zone_name())
    found: ZoneInfo = g.zone
    return found


def find_zone(name: str) -> ZoneInfo | None:
    """None for a name that no time zone has, or that this machine does not know."""
    if not name or len(name) > LONGEST_ZONE:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None
