"""The listener: it has the port before anything else, and says in a sentence when it cannot have it."""

from __future__ import annotations

import socket

import pytest

from cqrs.errors import CannotListen, PortInUse
from cqrs.serving import Listener


def application(_environ: object, _start_response: object) -> list[bytes]:
    return []


@pytest.mark.parametrize(("host", "start"), [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://localhost:")])
def test_a_free_port_is_found_and_told(host: str, start: str) -> None:
    listener = Listener(application, host, 0)
    try:
        assert listener.address.startswith(start)
        port = int(listener.address.rpartition(":")[2])
        with socket.create_connection((host, port)):
            pass  # it waits in the backlog until the listener serves
    finally:
        listener.close()


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} on 127.0.0.1 is in use"):
            Listener(application, "127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_one_sentence(host: str) -> None:
    with pytest.raises(CannotListen, match="Choose another HOST or PORT"):
        Listener(application, host, 0)
