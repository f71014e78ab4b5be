"""What a proxy in front says about a request: believed only from the networks of TRUSTED_PROXIES."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import request

from cqrs.console import current

LONGEST_CHAIN = 20


def client_address() -> str:
    """The address of the caller: of the chain of addresses the last one that is no trusted proxy."""
    peer = request.remote_addr or ""
    if not is_trusted(peer):
        return peer
    chain = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")][-LONGEST_CHAIN:]
    for address in reversed(chain):
        if not _is_address(address):
            break
        peer = address
        if not is_trusted(address):
            break
    return peer


def comes_from_trusted_proxy() -> bool:
    return is_trusted(request.remote_addr or "")


def is_secure() -> bool:
    """Whether the browser speaks https: seen here, said by a trusted proxy, or known from PUBLIC_URL."""
    if request.scheme == "https":
        return True
    if comes_from_trusted_proxy() and "X-Forwarded-Proto" in request.headers:
        return request.headers["X-Forwarded-Proto"].split(",")[-1].strip() == "https"
    public = urlsplit(current.runtime().settings.public_url or "")
    return public.scheme == "https" and public.netloc == request.headers.get("Host")


def is_on_this_machine() -> bool:
    """A loopback peer that forwards for someone else does not count."""
    address = client_address()
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    if forwarded and not comes_from_trusted_proxy():
        return False
    return _is_address(address) and ipaddress.ip_address(address).is_loopback


def is_trusted(address: str) -> bool:
    networks = current.runtime().settings.trusted_proxies
    if not networks or not _is_address(address):
        return False
    parsed = ipaddress.ip_address(address)
    return any(parsed in ipaddress.ip_network(network) for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
