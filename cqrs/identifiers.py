"""Identifiers: ordered by time, so that indexes grow at one edge; derivable, so that a retry makes the same."""

from __future__ import annotations

import os
import time
import uuid


def new_id() -> str:
    """A UUID version 7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    bits = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    bits = bits & ~(0xF << 76) | (0x7 << 76)
    bits = bits & ~(0x3 << 62) | (0x2 << 62)
    return str(uuid.UUID(int=bits))


def derived_id(parent: str, n: int) -> str:
    """The n-th identifier that belongs to `parent`: the same parent and n always give the same one."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{parent}/{n}"))
