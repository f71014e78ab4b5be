"""The jump box: one field that leads to whatever was named, or to a page with what it may have meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import Blueprint, redirect, request

from cqrs.console import destinations
from cqrs.console.access import needs
from cqrs.console.destinations import LONGEST, Found
from cqrs.console.parameters import Parameters
from cqrs.console.rendering import render
from cqrs.messages import Role

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("jump", __name__)


@dataclass(frozen=True, slots=True)
class JumpPage:
    typed: str
    found: Found
    too_long: bool


@bp.get("/jump")
@needs(Role.VIEWER)
def index() -> Response:
    asked = Parameters(request.args)
    typed = (asked.text("q") or "").strip()
    asked.check()
    found = destinations.find(typed)
    if found.only is not None:
        return redirect(found.only.href)
    return render("jump/index.html", follow=False, page=JumpPage(typed, found, len(typed) > LONGEST))
