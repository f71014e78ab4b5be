"""Random texts that open something: links, sessions, tokens. The database only ever holds their digest."""

from __future__ import annotations

import hashlib
import secrets

BITS = 256


def new_credential() -> str:
    """256 random bits as text that fits into a URL."""
    return secrets.token_urlsafe(BITS // 8)


def digest(credential: str) -> str:
    """SHA-256 is enough: nobody guesses 256 random bits, so there is nothing to slow down."""
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest()
