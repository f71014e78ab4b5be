"""What fills the key index: it follows the log, behind the appends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from cqrs.projections.indexed_keys import IndexedKeys, IndexedWay
from cqrs.projections.key_ways import KeyWay
from cqrs.store.database import Database
from cqrs.store.event_store import EventStore

#: Events indexed in one transaction.
STEP = 1_000
#: How often it is written down that the ways of this program are in use; see `unused_keys`.
SIGN_SECONDS = 3_600.0


class KeyFollower:
    def __init__(
        self,
        ways: Mapping[str, KeyWay],
        indexed: IndexedKeys,
        *,
        events: EventStore,
        columns: tuple[str, ...],
        database: Database,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ways = ways
        self._indexed = indexed
        self._events = events
        self._columns = columns
        self._database = database
        self._monotonic = monotonic
        self._signed_at: float | None = None

    def follow(self) -> bool:
        """Index the next events; False when there are none. For one thread at a time; followers in other processes do
        no harm."""
        if not self._ways:
            return False
        self._sign()
        indexed = self._indexed.all_ways()
        head = self._events.safe_head()
        low = min(each.to for each in indexed.values())
        if low >= head:
            return False
        with suppress(_Overtaken):  # by a follower in another process, who has done this part
            self._advance(indexed, low, head)
        return True

    def _sign(self) -> None:
        if self._signed_at is None or self._monotonic() - self._signed_at >= SIGN_SECONDS:
            self._indexed.sign()
            self._signed_at = self._monotonic()

    def _advance(self, indexed: Mapping[str, IndexedWay], low: int, head: int) -> None:
        """Those furthest behind together; not further than the next ones, who then come along."""
        until = min((each.to for each in indexed.values() if each.to > low), default=head)
        ways = [self._ways[name] for name, each in indexed.items() if each.to == low]
        types = {type_ for way in ways for type_ in way.routers}
        page = self._events.raw_events(low, until, sorted(types), STEP, columns=self._columns)
        position = page[-1][0] if len(page) == STEP else until
        entries = [(indexed[way.name].id, text, raw[0]) for way in ways for raw in page for text in way.texts_of(raw)]
        with self._database.write(durable=False) as connection:
            for way in ways:
                if not self._indexed.move(connection, indexed[way.name], way.fingerprint, position):
                    raise _Overtaken
            self._indexed.insert(connection, sorted(entries))


class _Overtaken(Exception):
    """Another follower indexed these events."""
