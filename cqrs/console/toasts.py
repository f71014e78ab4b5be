"""One sentence that outlives a redirect: kept in a signed cookie for the next page, then gone."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from flask import Response, after_this_request, request
from itsdangerous import BadData, URLSafeTimedSerializer

from cqrs.console import current, proxies

COOKIE = "projectionist_toast"
KEPT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Toast:
    """`link` names what `href` opens. A toast of state "bad" stays until it is dismissed.

    With an `action`, `link` is the name of a button instead, which posts there: the way back from what was done.
    """

    text: str
    href: str | None = None
    link: str | None = None
    state: str = "ok"
    action: str | None = None


def leave(response: Response, toast: Toast) -> Response:
    """Let the page this answer leads to show the toast."""
    text = _signer().dumps(asdict(toast))
    response.set_cookie(
        COOKIE, text, max_age=KEPT_SECONDS, secure=proxies.is_secure(), httponly=True, samesite="Lax", path="/"
    )
    return response


def take() -> list[Toast]:
    """What the page before left, once. A poll takes nothing: it would throw the sentence away."""
    text = request.cookies.get(COOKIE)
    if text is None or request.headers.get("HX-Request"):
        return []
    after_this_request(_forget)
    try:
        return [Toast(**_signer().loads(text, max_age=KEPT_SECONDS))]
    except (BadData, TypeError):
        return []


def _forget(response: Response) -> Response:
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="Lax", secure=proxies.is_secure())
    return response


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current.runtime().settings.secret_key, salt="toast")
