"""The checks every request passes before its view runs, in this order: how often, who, from where, what."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import request

from cqrs.console import access, current
from cqrs.console.browser_sessions import bearer_token, csrf_token, identify, session_cookie
from cqrs.errors import NotFromHere

CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def guard() -> None:
    if request.endpoint == "static" or request.blueprint == "health":
        return
    if bearer_token() is None:
        slow_down()
    identify()
    changes = request.method not in access.SAFE_METHODS
    if changes and bearer_token() is None:
        refuse_other_sites()
    access.refuse_what_is_not_declared()
    if changes and bearer_token() is None and current.principal() is not None:
        refuse_forged_forms()


def slow_down() -> None:
    """By cookie, known or not, before the database is asked about it."""
    cookie = session_cookie()
    if cookie:
        current.console().rate_limit.spend(cookie)


def refuse_other_sites() -> None:
    """Browsers say where a request comes from: Sec-Fetch-Site, older ones Origin. Raises NotFromHere.

    Signed in, one of them has to be there. Without a session nothing can be ridden on, so a script may sign in bare.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        raise NotFromHere(why="another site sent it")
    if origin is not None and urlsplit(origin).netloc not in _own_addresses():
        raise NotFromHere(why="its Origin is another site")
    if site is None and origin is None and current.principal() is not None:
        raise NotFromHere(why="it has neither Sec-Fetch-Site nor Origin")


def _own_addresses() -> set[str]:
    """A proxy in front may have put a Host of its own into the request."""
    public = urlsplit(current.runtime().settings.public_url or "").netloc
    return {request.headers.get("Host", "")} | ({public} if public else set())


def refuse_forged_forms() -> None:
    """Raises NotFromHere without the token of the session, in the header or in the form."""
    sent = request.headers.get(CSRF_HEADER, "")
    if not sent and request.mimetype in FORMS:
        sent = request.form.get(CSRF_FIELD, "")
    expected = csrf_token()
    if not expected or not hmac.compare_digest(sent.encode(), expected.encode()):
        raise NotFromHere(why="the token of your session is missing or out of date")
