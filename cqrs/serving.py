"""The web server of the one-process form: it holds the port before anything else is touched, and drains at the end."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import waitress

from cqrs.errors import CannotListen, PortInUse

THREADS = 8
#: Above the limit of the application, whose refusal is a proper answer; this one is a plain text.
LARGEST_BODY = 2 * 1024 * 1024


class Listener:
    """Connections made before `serve` wait; nobody is refused."""

    def __init__(self, application: Any, host: str, port: int) -> None:
        """Raises PortInUse or CannotListen."""
        # Bound here and not by the server, which leaves half-open files behind when it fails.
        self._socket = _bound(host.strip("[]"), port)
        self._server: Any = waitress.create_server(
            application,
            sockets=[self._socket],
            threads=THREADS,
            max_request_body_size=LARGEST_BODY,
            ident=None,
            # The console decides by itself which proxies to believe.
            clear_untrusted_proxy_headers=False,
        )
        self._host = host.strip("[]")

    @property
    def address(self) -> str:
        """For a browser, such as http://127.0.0.1:5000; with port 0 the port that was free."""
        port = self._socket.getsockname()[1]
        return f"http://[{self._host}]:{port}" if ":" in self._host else f"http://{self._host}:{port}"

    def serve(self) -> None:
        """Until SystemExit or KeyboardInterrupt. Requests under way are answered, for at most five seconds."""
        self._server.run()

    def close(self) -> None:
        self._server.close()


@contextmanager
def leaving_on_sigterm() -> Iterator[None]:
    """Meanwhile SIGTERM leaves by SystemExit, with exit code 0, so that what was begun is ended. Main thread only."""

    def leave(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        return socket.create_server(address, family=family)
    except (socket.gaierror, UnicodeError):
        raise CannotListen(host=host, port=port, why="there is no host of that name") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(host=host, port=port) from None
        # The text of this error repeats the address; the system's own says it shorter.
        raise CannotListen(host=host, port=port, why=os.strerror(error.errno or 0).lower()) from None
