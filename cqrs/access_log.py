"""A line for each request that changes something or fails. Pages that are looked at are logged as debugging only:
a console that polls would drown everything else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

logger = logging.getLogger(__name__)


class AccessLog:
    """Put around a WSGI application. The query is left out: a sign-in link is in there."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()

        def answered(status: str, *rest: Any) -> Any:
            _log(environ, int(status[:3]), (time.perf_counter() - started) * 1000)
            return start_response(status, *rest)

        return self._application(environ, answered)


def _log(environ: dict[str, Any], status: int, milliseconds: float) -> None:
    method = str(environ.get("REQUEST_METHOD", ""))
    everyday = method in ("GET", "HEAD") and status < 500
    logger.log(
        logging.DEBUG if everyday else logging.INFO,
        "%s %s was answered with %d in %.0f ms.",
        method,
        str(environ.get("PATH_INFO", ""))[:500],
        status,
        milliseconds,
        extra={"address": environ.get("REMOTE_ADDR")},
    )
