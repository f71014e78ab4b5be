"""Lists as every list is answered: {"<noun>": […], "next": …}, or the same rows as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response, request, url_for

from cqrs.console import json_answer
from cqrs.console.csv_text import to_csv
from cqrs.console.links import with_query
from cqrs.console.parameters import Parameters

FORMATS = ("json", "csv")


def format_of(parameters: Parameters) -> str:
    return parameters.choice("format", FORMATS, "json")


def send_list(
    noun: str,
    items: Sequence[dict[str, Any]],
    next_cursor: str | None,
    *,
    form: str,
    columns: Sequence[str],
    **facts: object,
) -> Response:
    """`columns` in their order, for CSV. Facts about the list stand beside it, in JSON only."""
    if form == "csv":
        response = Response(to_csv(columns, items), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{noun}.csv"'
    else:
        response = json_answer.send({noun: items, "next": next_cursor, **facts})
    if next_cursor is not None:
        response.headers["Link"] = f'<{_address_of(next_cursor)}>; rel="next"'
    return response


def _address_of(cursor: str) -> str:
    """A column may be called like a variable of the route, so the filters never pass through `url_for`."""
    given = {name: values for name, values in request.args.lists() if name != "cursor"}
    return with_query(url_for(str(request.endpoint), **(request.view_args or {})), {**given, "cursor": cursor})
