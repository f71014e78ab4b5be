"""Events that operators passed over, page by page: what rows will lack for good, by whose decision, and why."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from cqrs.errors import InvalidMessage
from cqrs.readmodels.set_aside import Skipped
from cqrs.readmodels.store import ReadModelStore

__all__ = ["Skipped", "SkippedPage", "skipped_page"]


@dataclass(frozen=True, slots=True)
class SkippedPage:
    items: Sequence[Skipped]
    next: str | None


def skipped_page(store: ReadModelStore, name: str, cursor: str | None, limit: int) -> SkippedPage:
    """The newest event first. Raises InvalidMessage for a cursor that is none."""
    before = None if cursor is None else _before(cursor)
    items = store.skipped(name, before=before, limit=limit + 1)
    more = len(items) > limit
    return SkippedPage(items[:limit], _cursor(items[limit - 1]) if more else None)


def _cursor(last: Skipped) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((last.position, last.key))).decode()


def _before(cursor: str) -> tuple[int, str]:
    try:
        return msgspec.json.decode(base64.b64decode(cursor, altchars=b"-_", validate=True), type=tuple[int, str])
    except (ValueError, msgspec.MsgspecError):
        raise InvalidMessage({"cursor": ["This is not a cursor of this list. Start from its first page."]}) from None
