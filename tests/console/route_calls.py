"""Every method of every route, with something in the places of its arguments."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask
from werkzeug.routing import Rule

#: Fails on purpose.
BROKEN = "bank.broken"
VALUES = {"position": "1", "filename": "css/none.css"}


def calls(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """(rule, method, path)"""
    for rule in app.url_map.iter_rules():
        path = rule.rule
        for argument in rule.arguments:
            start = path.index("<")
            end = path.index(">", start)
            path = path[:start] + VALUES.get(argument, "nothing") + path[end + 1 :]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, path
