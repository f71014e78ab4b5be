"""All events of a key, found without reading the log: an index that follows it, and a scan of what it lacks.

The index is filled behind the appends, never in them: so it is right for keys made by functions and upcasters, for
projections added later, and while programs of two versions append. A lookup takes what is indexed up to some
position and scans the short rest, so it never depends on how far the follower is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from cqrs.errors import NotFound
from cqrs.messages import event_name
from cqrs.projections.indexed_keys import IndexedKeys
from cqrs.projections.key_follower import KeyFollower
from cqrs.projections.key_ways import KeyWay, way_name, ways_of
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Raw
from cqrs.projections.unused_keys import forget_unused
from cqrs.store.database import Database
from cqrs.store.event_store import EventStore
from cqrs.store.records import RecordedEvent
from cqrs.store.serialization import EventTypes

#: Events read at a time where nothing is indexed.
PAGE = 1_000


class KeyIndex:
    def __init__(
        self,
        projections: Iterable[type[Projection]],
        *,
        events: EventStore,
        types: EventTypes,
        database: Database,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._projections = {each.name: each for each in projections}
        self._events = events
        self._database = database
        self._columns, self._ways = ways_of(self._projections.values(), types, events.get)
        self._fingerprints = {name: way.fingerprint for name, way in self._ways.items()}
        self._indexed = IndexedKeys(database, self._fingerprints)
        self._follower = KeyFollower(
            self._ways, self._indexed, events=events, columns=self._columns, database=database, monotonic=monotonic
        )

    def follow(self) -> bool:
        """Index the next events; False when there are none. See KeyFollower."""
        return self._follower.follow()

    def forget_unused(self) -> int:
        """Remove what was indexed in ways that no program has used for a while; returns how many entries."""
        return forget_unused(self._database, self._fingerprints)

    def indexed_to(self) -> int:
        """The position up to which every way is indexed; lookups scan what comes behind."""
        with self._database.read() as connection:
            found = self._indexed.ways(connection)
        return min((each.to for each in found.values()), default=0) if len(found) == len(self._ways) else 0

    def events_of(self, name: str, key: str, *, until: int | None = None) -> list[RecordedEvent]:
        """Exactly the events up to `until` that a full fold of the projection gives to the row of this key (its
        text), in order. Raises NotFound for an unknown projection."""
        positions = self.positions_of(name, key, until=until)
        found = (self._events.get(position) for position in positions)
        return [event for event in found if event is not None]

    def positions_of(self, name: str, key: str, *, until: int | None = None) -> list[int]:
        if name not in self._projections:
            raise NotFound(what="projection", name=name)
        end = self._events.safe_head() if until is None else until
        positions: set[int] = set()
        for way_of, types in self._types_by_way(self._projections[name]).items():
            positions |= self._positions(self._ways[way_of], types, key, end)
        return sorted(positions)

    @staticmethod
    def _types_by_way(projection: type[Projection]) -> dict[str, set[str]]:
        types: dict[str, set[str]] = {}
        for handler in projection.handlers:
            types.setdefault(way_name(projection, handler), set()).add(event_name(handler.event))
        return types

    def positions_of_keys(self, name: str, keys: Sequence[str], *, until: int) -> list[int]:
        """Positions up to `until` among which are all events of these keys (their texts), in order. Others may be
        among them, where nothing is indexed yet or projections share a way: whoever folds them looks at the key."""
        found, texts = set[int](), msgspec.json.encode(keys).decode()
        for way, handled in self._types_by_way(self._projections[name]).items():
            indexed_to, stored = self._indexed.positions_of_many(way, texts, until)
            found.update(stored)
            found.update(raw[0] for raw in self._pages(handled, indexed_to, until))
        return sorted(found)

    def have_more_than(self, most: int, name: str, keys: Sequence[str], *, until: int) -> bool:
        """Whether more than `most` events up to `until` would have to be read to derive these keys (their texts)."""
        types = self._types_by_way(self._projections[name])
        with self._database.read() as connection:
            indexed = self._indexed.ways(connection)
            known = {way: indexed[way] for way in types if way in indexed}
            count = sum(self._indexed.count_of_many(connection, each, keys, until, most + 1) for each in known.values())
        for way, handled in types.items():
            if count <= most:
                rest = self._pages(handled, known[way].to if way in known else 0, until)
                count += sum(1 for _ in islice(rest, most + 1))
        return count > most

    def keys_after(self, name: str, after: str | None, *, limit: int) -> tuple[list[str], bool]:
        """The next texts of indexed keys that may have events of the projection, in order, and whether there are more
        behind the last. `unindexed_keys` has those of the events that are not indexed yet."""
        types = self._types_by_way(self._projections[name])
        found: set[str] = set()
        with self._database.read() as connection:
            indexed = self._indexed.ways(connection)
            for way in types:
                if way in indexed:
                    found.update(self._indexed.keys_after(connection, indexed[way], after, limit))
        keys = sorted(found)[:limit]
        return keys, len(keys) == limit

    def last_key(self, name: str) -> str | None:
        """The last of the texts that `keys_after` would come to now; None when there is none."""
        ways = self._types_by_way(self._projections[name])
        with self._database.read() as connection:
            mine = [each for way, each in self._indexed.ways(connection).items() if way in ways]
            last = [self._indexed.last_key(connection, each) for each in mine]
        return max((text for text in last if text is not None), default=None)

    def unindexed_keys(self, name: str, *, until: int) -> list[str]:
        """The texts of keys with events up to `until` that are not indexed yet."""
        with self._database.read() as connection:
            indexed = self._indexed.ways(connection)
        found: set[str] = set()
        for way, handled in self._types_by_way(self._projections[name]).items():
            start = indexed[way].to if way in indexed else 0
            found.update(text for raw in self._pages(handled, start, until) for text in self._ways[way].texts_of(raw))
        return sorted(found)

    def touched_keys(self, name: str, *, after: int, until: int, most: int, most_events: int) -> set[str] | None:
        """The texts of keys with events behind `after`, up to `until`; None when there are more than `most`, or more
        than `most_events` events to read for it."""
        found: set[str] = set()
        for way, handled in self._types_by_way(self._projections[name]).items():
            for read, raw in enumerate(self._pages(handled, after, until), start=1):
                found.update(self._ways[way].texts_of(raw))
                if len(found) > most or read > most_events:
                    return None
        return found

    def keys_at(self, name: str, positions: Sequence[int]) -> set[str]:
        """The texts of the keys of the events at these positions."""
        types = self._types_by_way(self._projections[name])
        raws = self._events.raw_at(sorted(positions), self._columns)
        return {
            text
            for way, handled in types.items()
            for raw in raws
            if raw[1] in handled
            for text in self._ways[way].texts_of(raw)
        }

    def _pages(self, types: Iterable[str], after: int, until: int) -> Iterator[Raw]:
        while after < until:
            page = self._events.raw_events(after, until, sorted(types), PAGE, columns=self._columns)
            yield from page
            after = page[-1][0] if len(page) == PAGE else until

    def _positions(self, way: KeyWay, types: set[str], key: str, until: int) -> set[int]:
        with self._database.read() as connection:
            indexed = self._indexed.ways(connection).get(way.name)
            found = [] if indexed is None else self._indexed.positions(connection, indexed, key, until)
        start = 0 if indexed is None else indexed.to
        if way.routers.keys() != types:
            found = [position for position in found if self._is_of(position, types)]
        return {*found, *self._scan(way, types, key, start, until)}

    def _is_of(self, position: int, types: set[str]) -> bool:
        """Other projections that share the way handle other events of the key."""
        event = self._events.get(position)
        return event is not None and event.type in types

    def _scan(self, way: KeyWay, types: set[str], key: str, after: int, until: int) -> Iterable[int]:
        return (raw[0] for raw in self._pages(types, after, until) if key in way.texts_of(raw))
