"""Answers only to the names of this console, not to a name that a page elsewhere points here (DNS rebinding)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cqrs.console.headers import SECURITY_HEADERS
from cqrs.settings import ANY_ADDRESS, Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SENTENCE = "This console does not answer to that host name. Set TRUSTED_HOSTS to the names people type.\n"
#: Probes of a cluster ask by address.
OPEN_PATH = "/healthz"


class HostGuard:
    """Stands before the application, so that nothing in it ever builds an address from a made-up host."""

    def __init__(self, application: WSGIApplication, names: Iterable[str]) -> None:
        self._application = application
        self._names = frozenset(host_of(name) for name in names)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = host_of(environ.get("HTTP_HOST", ""))
        if environ.get("PATH_INFO") == OPEN_PATH and host.isprintable():
            environ["HTTP_HOST"] = "localhost"
        elif host not in self._names:
            headers = {**SECURITY_HEADERS, "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
            start_response("400 Bad Request", list(headers.items()))
            return [SENTENCE.encode()]
        return self._application(environ, start_response)


def names_of(settings: Settings) -> set[str]:
    return {"localhost", "127.0.0.1", "[::1]", settings.host, *settings.trusted_hosts} - set(ANY_ADDRESS)


def host_of(text: str) -> str:
    """The name without its port, in lower case; an IPv6 address keeps its brackets, or gets them."""
    text = text.strip().lower().rstrip(".")
    if text.startswith("["):
        name, bracket, _ = text.partition("]")
        return name + bracket
    return f"[{text}]" if text.count(":") > 1 else text.partition(":")[0]
