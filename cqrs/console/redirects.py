"""Where to go next: only to addresses of this console, and in the way a script on the page understands."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from flask import Response, request

HOME = "/"
LONGEST = 2_000
#: Going back to these after signing in would spend a link, or sign out again.
NEVER = ("/sign-in", "/sign-out")
#: What a path, and what a query, may hold as it is.
OF_PATHS = "/:@!$&'()*+,;=~"
OF_QUERIES = OF_PATHS + "?%"


def safe_next(address: str | None) -> str:
    """The address when it is a path of this console, else the home page.

    Looked at as sent and after each of two decodings: no other host (//host, /\\host), no backslashes and no control
    characters, which browsers read as slashes or leave out.
    """
    if not address or len(address) > LONGEST:
        return HOME
    forms = (address, unquote(address), unquote(unquote(address)))
    if not all(_stays_here(form) for form in forms):
        return HOME
    return HOME if urlsplit(address).path in NEVER else address


def _stays_here(address: str) -> bool:
    return address.startswith("/") and not address.startswith("//") and "\\" not in address and address.isprintable()


def see_other(address: str) -> Response:
    """After a write: 303. A script would follow that by itself and put the page into a region, so it gets a header."""
    if request.headers.get("HX-Request"):
        return Response(status=204, headers={"HX-Redirect": address})
    return Response(status=303, headers={"Location": address})


def here(*, query: bool = True) -> str:
    """The address of this request for a link: a name with a question mark in it stays one name."""
    path = quote(request.path, safe=OF_PATHS)
    asked = quote(request.query_string, safe=OF_QUERIES) if query else ""
    return safe_next(f"{path}?{asked}" if asked else path)


def page_asked_for() -> str:
    """The page to come back to after signing in."""
    if request.method in ("GET", "HEAD") and not request.headers.get("HX-Request"):
        return here()
    shown = urlsplit(request.headers.get("HX-Current-URL", "") or request.headers.get("Referer", ""))
    return safe_next(shown.path + (f"?{shown.query}" if shown.query else ""))
