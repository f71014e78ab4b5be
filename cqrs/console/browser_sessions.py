"""The cookie of a signed-in browser, and who a request comes from: a token, a proxy's user, or a session."""

from __future__ import annotations

import hashlib
import hmac

from flask import Response, g, request

from cqrs.console import current, proxies
from cqrs.errors import UnknownToProxy
from cqrs.operators.people import Person
from cqrs.operators.principal import Principal
from cqrs.operators.sessions import Session


def cookie_name(secure: bool) -> str:
    """With the port, because cookies have none: two consoles on one machine must not sign each other out."""
    name = f"projectionist_{current.runtime().settings.port}"
    return f"__Host-{name}" if secure else name


def session_cookie() -> str | None:
    return request.cookies.get(cookie_name(proxies.is_secure()))


def identify() -> None:
    """Find out who asks, for `current.principal()`. With a token, cookies and proxies are not looked at."""
    token = bearer_token()
    if token is not None:
        g.principal = current.runtime().tokens.verify(token)
        return
    g.principal = _proxy_user()
    if g.principal is None:
        _resume_session()


def bearer_token() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _proxy_user() -> Principal | None:
    header = current.runtime().settings.auth_header
    if not header or not proxies.comes_from_trusted_proxy():
        return None
    name = request.headers.get(header, "").strip()
    if not name:
        return None
    person = current.runtime().people.get(name)
    if person is None or person.disabled_at is not None:
        raise UnknownToProxy(name=name)
    return Principal(person.name, person.role, "proxy")


def _resume_session() -> None:
    cookie = session_cookie()
    if not cookie:
        return
    sessions = current.runtime().sessions
    found = sessions.read(cookie) if is_poll() else sessions.resume(cookie)
    if found is not None:
        _take_on(found)


def _take_on(session: Session) -> None:
    g.session = session
    g.principal = Principal(session.person, session.role, "session")


def is_poll() -> bool:
    """A page that follows the log by itself: somebody's absence must not look like work."""
    headers = request.headers
    source = headers.get("HX-Source", "")
    return headers.get("X-Live") == "1" or headers.get("HX-Trigger") == "live" or source.endswith(("#live", "#pulse"))


def csrf_token() -> str:
    """What forms of this session carry; empty where nothing could be forged."""
    session, who = current.session(), current.principal()
    if session is not None:
        return session.csrf
    if who is not None and who.kind == "proxy":
        key = current.runtime().settings.secret_key.encode()
        return hmac.new(key, f"csrf {who.name}".encode(), hashlib.sha256).hexdigest()
    return ""


def begin(person: Person, response: Response) -> Response:
    """Sign in: a new session with a new id; one this browser had before ends."""
    _end_session()
    agent = request.headers.get("User-Agent", "")
    session = current.runtime().sessions.start(person, address=proxies.client_address(), agent=agent)
    secure = proxies.is_secure()
    response.set_cookie(cookie_name(secure), session.id, secure=secure, httponly=True, samesite="Lax", path="/")
    _take_on(session)
    return response


def end(response: Response) -> Response:
    _end_session()
    secure = proxies.is_secure()
    response.delete_cookie(cookie_name(secure), secure=secure, httponly=True, samesite="Lax", path="/")
    return response


def _end_session() -> None:
    cookie = session_cookie()
    if cookie:
        current.runtime().sessions.end(cookie)
