"""The key that signs sessions: given, or made once and kept in a file only its owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

SHORTEST_BYTES = 32

#: Keys printed in manuals and sample files; whoever signs with one of them signs for everybody.
PUBLISHED = frozenset(
    {
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET",
        "YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",
    }
)


def weakness(key: str) -> str | None:
    """What is wrong with a key, as the end of a sentence; None when nothing is."""
    if len(key.encode()) < SHORTEST_BYTES:
        return f"is shorter than {SHORTEST_BYTES} bytes"
    if key in PUBLISHED:
        return "is printed in public manuals"
    if len(set(key)) < 8:
        return "repeats too few characters"
    return None


def kept_key(path: Path) -> str:
    """The key in the file, made by the first process that asks. Raises OSError when it can be neither read nor made.

    The file appears complete or not at all: it is written under another name and then linked, which fails when
    another process was first, whose key is then the one that counts.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_text("ascii").strip()
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return path.read_text("ascii").strip()
