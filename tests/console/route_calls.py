"""Every method of every route, with something in the places of its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask import Flask
from werkzeug.routing import Rule

#: Fails on purpose.
BROKEN = "bank.broken"
VALUES = {"position": "1", "filename": "css/none.css"}


def calls(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """(rule, method, path)"""
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: VALUES.get(found[1], "nothing"), rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, path
