"""Pages: what every template knows, versioned addresses of static files, and answers of 304 to polls."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from flask import Flask, Response, current_app, make_response, render_template, request

from cqrs.console import current
from cqrs.console.access import can, refusal
from cqrs.console.browser_sessions import csrf_token
from cqrs.console.preferences import theme, zone_name
from cqrs.console.redirects import here

HASH_LENGTH = 12


def render(template: str, status: int = 200, /, *, tag: str | None = None, **context: Any) -> Response:
    """`tag` names what the page shows, such as the head of the log: a poll that has seen it is answered 304."""
    response = unchanged(tag) or make_response(render_template(template, tag=tag, **context), status)
    if tag is not None:
        response.headers["HX-PTag"] = tag
    return response


def unchanged(tag: str | None) -> Response | None:
    """The answer to a poll that has seen what `tag` names. A page that takes work to read asks before it reads."""
    if tag is None or request.headers.get("HX-PTag") != tag:
        return None
    response = Response(status=304)
    response.headers["HX-PTag"] = tag
    return response


def what_templates_know() -> dict[str, Any]:
    settings = current.runtime().settings
    return {
        "principal": current.principal(),
        "csrf_token": csrf_token(),
        "can": can,
        "refusal": refusal,
        "here": here(),
        "environment": settings.environment,
        "in_production": settings.in_production,
        "read_only": settings.read_only,
        "theme": theme(),
        "zone": zone_name(),
    }


def add_version(endpoint: str, values: dict[str, Any]) -> None:
    """Put a hash of the content into the address of a static file, so that browsers may keep it for good."""
    if endpoint == "static" and "v" not in values:
        version = content_hash(current_app, str(values.get("filename", "")))
        values.update({"v": version} if version else {})


def content_hash(app: Flask, filename: str) -> str | None:
    """None for a file that is not there. Kept by size and time of change, so that an edited file counts at once."""
    path = f"{app.static_folder}/{filename}"
    try:
        state = os.stat(path)
    except OSError:
        return None
    kept: dict[tuple[str, int, int], str] = app.extensions.setdefault("projectionist-static", {})
    key = (filename, state.st_mtime_ns, state.st_size)
    if key not in kept:
        kept[key] = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:HASH_LENGTH]
    return kept[key]
