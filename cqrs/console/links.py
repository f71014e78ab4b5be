"""Addresses with a query string. `url_for` would give a meaning of its own to some names of columns and filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from flask import redirect, request
from werkzeug.wrappers import Response

from cqrs.console.redirects import here

Query = Mapping[str, str | int | Sequence[str] | None]


def with_query(address: str, query: Query) -> str:
    """What is empty is left out, so that addresses stay short enough to be pasted."""
    kept = {name: value for name, value in query.items() if value not in (None, "", [], ())}
    return f"{address}?{urlencode(kept, doseq=True)}" if kept else address


def tidied() -> Response | None:
    """To the same page without the fields a form left empty; None when there are none."""
    if all(all(values) for _, values in request.args.lists()):
        return None
    given = {name: [value for value in values if value] for name, values in request.args.lists()}
    return redirect(with_query(here(query=False), given))
