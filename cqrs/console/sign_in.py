"""Signing in by a single-use link, and signing out."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from flask import Blueprint, Response, request, url_for

from cqrs.console import browser_sessions, current, proxies, trail
from cqrs.console.access import needs, public
from cqrs.console.redirects import safe_next, see_other
from cqrs.console.rendering import render
from cqrs.errors import LinkNotValid, TooManyAttempts
from cqrs.messages import Role

bp = Blueprint("sign_in", __name__)

LONGEST_LINK = 2_000


@bp.get("/sign-in")
@public
def show() -> Response:
    """With a token the one GET that changes something; a HEAD, or a browser that loads ahead, does not spend it."""
    token = request.args.get("token", "")
    if token and request.method == "GET" and not _is_ahead():
        return attempt(token)
    if current.session() is not None:
        return see_other(safe_next(request.args.get("next")))
    return page(200)


@bp.post("/sign-in")
@public
def submit() -> Response:
    return attempt(token_in(request.form.get("link", "")))


def attempt(token: str) -> Response:
    """Whatever is wrong with a token, the answer is the same."""
    runtime = current.runtime()
    scope = f"sign-in:{proxies.client_address()}"
    trail.note(action="sign-in", target="console")
    try:
        runtime.throttle.check(scope)
        person = runtime.people.redeem(token) if token else None
        if person is None:
            runtime.throttle.failed(scope)
            raise LinkNotValid()
    except LinkNotValid as error:
        trail.note(reason=str(error))
        return page(403, str(error))
    except TooManyAttempts as error:
        trail.forget()
        response = page(429, str(error))
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    runtime.throttle.succeeded(scope)
    return browser_sessions.begin(person, see_other(safe_next(request.values.get("next"))))


def page(status: int, problem: str | None = None) -> Response:
    return render("sign_in/show.html", status, problem=problem, next=safe_next(request.values.get("next")))


def token_in(pasted: str) -> str:
    """People paste the whole link, or what follows `token=`."""
    pasted = pasted.strip()[:LONGEST_LINK]
    if "token=" not in pasted:
        return pasted
    return next(iter(parse_qs(urlsplit(pasted).query).get("token", [])), "")


def _is_ahead() -> bool:
    return "prefetch" in request.headers.get("Sec-Purpose", "") or "prefetch" in request.headers.get("Purpose", "")


@bp.post("/sign-out")
@needs(Role.VIEWER, action="sign-out", when_read_only=True)
def sign_out() -> Response:
    trail.note(target="console")
    return browser_sessions.end(see_other(url_for("sign_in.show")))
