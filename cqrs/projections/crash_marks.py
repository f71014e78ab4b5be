"""What a process that died may have had in hand is gone through in pieces, in the end event by event.

Normal work costs nothing for it: that a lease was never given back tells of the death, and only then each piece is
written down before it is taken in hand. Whoever takes over after another death knows what the process died of.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from cqrs.errors import KeyUnreadable, ProcessDied
from cqrs.projections.careful_fold import Culprit
from cqrs.projections.routing import Raw, Router
from cqrs.readmodels.generation import ANY_EVENT, Generation
from cqrs.readmodels.rows import Key

#: With this many processes dead an event is not applied again.
MOST_DEATHS = 3
#: Work that hangs must not stop all other careful work of the process.
PATIENCE_SECONDS = 5.0


class OneAtATime:
    """Lets one thread in, and after some seconds the next one all the same."""

    def __init__(self) -> None:
        self._inside = threading.Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        alone = self._inside.acquire(timeout=PATIENCE_SECONDS)
        try:
            yield
        finally:
            if alone:
                self._inside.release()


@dataclass(frozen=True, slots=True)
class Piece:
    events: Sequence[Raw]
    #: The checkpoint once it is applied.
    end: int
    #: What is still suspect behind it.
    left: int | None
    #: One event, whose failure is its own.
    alone: bool

    @property
    def begin(self) -> int:
        return int(self.events[0][0])


@dataclass(slots=True)
class Suspicion:
    """The events that may have been in hand: no more than one batch, and only those that were there.

    It is gone through event by event. One that is too long for that by pieces first, and event by event where a process
    died with one of them.
    """

    alone: bool
    size: int
    left: int
    until: int | None = None
    begun: bool = False

    @classmethod
    def of(cls, held: Generation, *, piece: int, batch: int) -> Self | None:
        """`batch`: as many events as may have been in hand at most."""
        if held.suspect is None:
            return None
        if held.suspect == ANY_EVENT and batch > piece:
            return cls(alone=False, size=piece, left=batch)
        return cls(alone=True, size=1, left=piece)

    def most(self, until: int) -> int:
        """Up to where there may be a suspect: the first `until` ever asked for."""
        if self.until is None:
            self.until = until
        return min(self.until, until)

    def next(self, page: Sequence[Raw]) -> Piece | None:
        """The next piece of a page that holds one event more than a piece; None when nothing is suspect any more."""
        if not page or self.left <= 0:
            return None
        if not self.begun and len(page) <= self.size:  # a single piece: then at once event by event
            self.alone, self.size, self.left = True, 1, len(page)
        self.begun = True
        self.left -= self.size
        events = page[: self.size]
        more = len(page) > self.size and self.left > 0
        return Piece(events, int(events[-1][0]), ANY_EVENT if more else None, self.alone)


def killed_by(piece: Piece, router: Router, deaths: int) -> dict[Key, Exception]:
    """Every key of the event: nobody can tell with which of them in hand the processes died."""
    try:
        keys = router.keys_of(piece.events[0])
    except KeyUnreadable:
        return {}
    return dict.fromkeys(keys, ProcessDied(deaths=deaths))


def killer(piece: Piece, deaths: int) -> Culprit:
    position, type_ = piece.events[0][:2]
    return Culprit(position, type_, None, ProcessDied(deaths=deaths))
