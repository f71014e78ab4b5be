"""The way through a read model, a chunk of keys at a time, each exact at its own checkpoint.

First rows are walked by key: those that differ are changed, those the log knows nothing of are extra. Then the keys
of all events are walked: those that should have a row and have none are missing. No snapshot outlasts the reading of
one chunk's rows, because events up to a checkpoint do not change any more.

What comes behind the last key there was at the beginning is new: else nobody would come to the end of a read model
that grows there as fast as it can be derived.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from cqrs.drift.coverage import ROWS
from cqrs.drift.judge import Judge
from cqrs.drift.tally import Tally
from cqrs.projections.key_index import KeyIndex
from cqrs.projections.progress import Progress
from cqrs.readmodels.keys import key_of_text

#: Keys a chunk at first; then so many that a chunk takes no longer than this, and so none of its snapshots.
CHUNK_KEYS = 1_000
FEWEST_KEYS, MOST_KEYS = 50, 5_000
CHUNK_SECONDS = 0.4
#: How often it is looked whether there are events to index, when there were none the last time.
FOLLOW_SECONDS = 1.0

ABSENT = "keys without a row"


@dataclass(frozen=True, slots=True)
class Place:
    """Behind the key of this text in this part; at the beginning of the part without."""

    part: str
    after: str | None = None
    #: The same as the driver has it, which may be no key of ours: then it has no text, and cannot be written down.
    stored: tuple[Any, ...] | None = None

    @property
    def lasting(self) -> bool:
        return self.after is not None or self.stored is None

    def encoded(self) -> str:
        return msgspec.json.encode((self.part, self.after)).decode()


START = Place(ROWS)


class KeyWalk:
    """For one check."""

    def __init__(
        self, judge: Judge, keys: KeyIndex, tally: Tally, run: Progress, size: int, monotonic: Callable[[], float]
    ) -> None:
        self._judge = judge
        self._keys = keys
        self._tally = tally
        self._run = run
        self._size = size
        self._monotonic = monotonic
        #: Rows that were looked at.
        self.rows = 0
        self._met: set[str] = set()
        #: Of the part, as they were at its beginning.
        self._last_row: tuple[Any, ...] | None = None
        self._last_text: str | None = None
        self._part = ""
        self._done = 0
        self._followed: float | None = None

    def place(self, encoded: str) -> Place | None:
        """What `Place.encoded` gave; None where that is no key of ours any more."""
        part, after = msgspec.json.decode(encoded, type=tuple[str, str | None])
        if part != ROWS or after is None:
            return Place(part, after)
        key = key_of_text(after, self._judge.model)
        return None if key is None else Place(part, after, self._judge.snapshots.stored_key(self._judge.model, key))

    def chunk(self, place: Place) -> Place | None:
        """Look at the next keys; None when there are no more behind them."""
        if place.part != self._part:
            self._part, self._done = place.part, 0
            self._run.phase(place.part, total=self._tally.check.rows if place.part == ROWS else None)
            self._bound(place)
        began = self._monotonic()
        following = self._rows(place) if place.part == ROWS else self._absent(place)
        ended = self._monotonic()
        self._adapt(ended - began)
        self._run.progress(self._done)
        self._follow(ended)
        return following

    def _follow(self, now: float) -> None:
        """While there is nothing to index, asking at every chunk would be a part of what a check costs."""
        if self._followed is None or now - self._followed >= FOLLOW_SECONDS:
            self._followed = None if self._keys.follow() else now

    def _rows(self, place: Place) -> Place:
        judged, snapshot = self._judge.rows(place.stored, self._size, self._last_row)
        self._tally.take(judged)
        self._done += len(snapshot.rows)
        self.rows += len(snapshot.rows)
        if snapshot.end is None:
            return Place(ABSENT)
        last = snapshot.rows[-1]
        return Place(ROWS, None if last.key is None else last.text, snapshot.end)

    def _bound(self, place: Place) -> None:
        """Before rows, the position they are complete up to, then their end. Before keys, those that are not indexed
        yet; whatever is indexed by then comes before the end."""
        if place.part == ROWS:
            live = self._judge.live()
            if self._tally.check.position is None:
                self._tally.tell(position=live.position)
            self._last_row = self._judge.snapshots.last_key(self._judge.model, live.number)
            return
        if place.after is None:
            self._met = self._unindexed()
        self._last_text = self._keys.last_key(self._judge.projection.name)

    def _absent(self, place: Place) -> Place | None:
        texts, more = self._keys.keys_after(self._judge.projection.name, place.after, limit=self._size)
        if self._last_text is not None and texts and texts[-1] >= self._last_text:
            texts, more = [text for text in texts if text <= self._last_text], False
        self._tally.take(self._judge.without_row([text for text in texts if text not in self._met]))
        self._done += len(texts)
        return Place(ABSENT, texts[-1]) if more else None

    def _unindexed(self) -> set[str]:
        texts = self._keys.unindexed_keys(self._judge.projection.name, until=self._judge.live().position)
        for start in range(0, len(texts), CHUNK_KEYS):
            self._tally.take(self._judge.without_row(texts[start : start + CHUNK_KEYS]))
        return set(texts)

    def skip(self, met: set[str]) -> None:
        """Of keys without a row, these were found already."""
        self._met = met

    def _adapt(self, took: float) -> None:
        if took > CHUNK_SECONDS:
            self._size = min(self._size, max(FEWEST_KEYS, self._size // 2))
        elif took < CHUNK_SECONDS / 3:
            self._size = min(MOST_KEYS, self._size * 2)
