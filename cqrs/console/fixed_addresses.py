"""Addresses that are the same at every request, put together once: the frame around a page has forty of them."""

from __future__ import annotations

from typing import Any

import flask
from flask import current_app, request

from cqrs.console import current
from cqrs.console.rendering import content_hash


def url_for(endpoint: str, **values: Any) -> str:
    """As Flask's, for templates; what has no parameters is not put together again."""
    if not values:
        return address_of(endpoint)
    if endpoint == "static" and len(values) == 1:
        return _kept(endpoint, **values, v=content_hash(current_app, str(values["filename"])))
    return flask.url_for(endpoint, **values)


def address_of(endpoint: str) -> str:
    """Of a view without parameters, by its full name."""
    return _kept(endpoint)


def _kept(endpoint: str, **values: Any) -> str:
    """Where the application is mounted is part of an address, and for the server to say at each request."""
    kept, name, root = current.console().addresses, (endpoint, *values.values()), request.script_root
    known = kept.get(name)
    if known is None or known[0] != root:
        known = kept[name] = (root, flask.url_for(endpoint, **values))
    return known[1]
