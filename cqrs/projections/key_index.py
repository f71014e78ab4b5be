"""All events of a key, found without reading the log: an index that follows it, and a scan of what it lacks.

The index is filled behind the appends, never in them: so it is right for keys made by functions and upcasters, for
projections added later, and while programs of two versions append. A lookup takes what is indexed up to some
position and scans the short rest, so it never depends on how far the follower is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice

import msgspec
import sqlalchemy as sa

from cqrs.errors import KeyUnreadable, NotFound
from cqrs.messages import event_name
from cqrs.projections.key_ways import KeyWay, way_name, ways_of
from cqrs.projections.projection import Projection
from cqrs.projections.routing import Raw
from cqrs.projections.unused_keys import forget_unused
from cqrs.readmodels.keys import key_text
from cqrs.readmodels.statements import MOST_ROWS, many_rows
from cqrs.readmodels.tables import event_keys, key_ids
from cqrs.store.database import Database
from cqrs.store.database_time import database_now
from cqrs.store.event_store import EventStore
from cqrs.store.records import RecordedEvent
from cqrs.store.serialization import EventTypes
from cqrs.store.upsert import insert_new

#: Events indexed in one transaction.
STEP = 1_000
#: How often it is written down that the ways of this program are in use; see `unused_keys`.
SIGN_SECONDS = 3_600.0

Entry = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class _Indexed:
    id: int
    to: int


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
        self._monotonic = monotonic
        self._signed_at: float | None = None

    # Following the log

    def follow(self) -> bool:
        """Index the next events; False when there are none. For one thread at a time; followers in other processes do
        no harm."""
        if not self._ways:
            return False
        self._sign()
        indexed = self._ids()
        head = self._events.safe_head()
        low = min(each.to for each in indexed.values())
        if low >= head:
            return False
        with suppress(_Overtaken):  # by a follower in another process, who has done this part
            self._advance(indexed, low, head)
        return True

    def _sign(self) -> None:
        if self._signed_at is not None and self._monotonic() - self._signed_at < SIGN_SECONDS:
            return
        ours = sa.tuple_(key_ids.c.key_name, key_ids.c.fingerprint).in_(list(self._fingerprints.items()))
        with self._database.write(durable=False) as connection:
            connection.execute(sa.update(key_ids).where(ours).values(followed_at=database_now()))
        self._signed_at = self._monotonic()

    def forget_unused(self) -> int:
        """Remove what was indexed in ways that no program has used for a while; returns how many entries."""
        return forget_unused(self._database, self._fingerprints)

    def _advance(self, indexed: Mapping[str, _Indexed], low: int, head: int) -> None:
        """Those furthest behind together; not further than the next ones, who then come along."""
        until = min((each.to for each in indexed.values() if each.to > low), default=head)
        ways = [self._ways[name] for name, each in indexed.items() if each.to == low]
        page = self._read(low, until, {type_ for way in ways for type_ in way.routers}, STEP)
        position = page[-1][0] if len(page) == STEP else until
        entries = [(indexed[way.name].id, text, raw[0]) for way in ways for raw in page for text in _texts_of(way, raw)]
        with self._database.write(durable=False) as connection:
            for way in ways:
                if not _move(connection, indexed[way.name], way.fingerprint, position):
                    raise _Overtaken
            _insert(connection, sorted(entries))

    def _read(self, after: int, until: int, types: Iterable[str], limit: int) -> Sequence[Raw]:
        return self._events.raw_events(after, until, sorted(types), limit, columns=self._columns)

    def _ids(self) -> dict[str, _Indexed]:
        with self._database.glance() as connection:
            found = self._find(connection)
        if len(found) < len(self._ways):
            with self._database.write(durable=False) as connection:
                found = self._find(connection)
                for name in self._ways.keys() - found.keys():
                    row = {"key_name": name, "fingerprint": self._fingerprints[name], "indexed_to": 0}
                    row["followed_at"] = database_now()
                    connection.execute(insert_new(self._database.dialect, key_ids, row))
                found = self._find(connection)
        return found

    def _find(self, connection: sa.Connection) -> dict[str, _Indexed]:
        rows = connection.execute(sa.select(key_ids)).all()
        return {
            row.key_name: _Indexed(row.id, row.indexed_to)
            for row in rows
            if self._fingerprints.get(row.key_name) == row.fingerprint
        }

    # Looking up

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
            indexed_to, stored = self._stored_of_many(way, texts, until)
            found.update(stored)
            found.update(raw[0] for raw in self._pages(handled, indexed_to, until))
        return sorted(found)

    def _stored_of_many(self, way: str, texts: str, until: int) -> tuple[int, Sequence[int]]:
        """How far the way is indexed, and the positions of the keys up to there, in one statement and so of one moment.
        All keys travel as one value, and so do the positions: fetching lets go of the interpreter at every row."""
        statement = _STORED_ON_SQLITE if self._database.dialect == "sqlite" else _STORED_ON_POSTGRES
        with self._database.glance() as connection:
            row = connection.exec_driver_sql(statement, (texts, until, way, self._fingerprints[way])).one_or_none()
        return (0, ()) if row is None else (row[0], msgspec.json.decode(row[1], type=list[int]))

    def have_more_than(self, most: int, name: str, keys: Sequence[str], *, until: int) -> bool:
        """Whether more than `most` events up to `until` would have to be read to derive these keys (their texts)."""
        types = self._types_by_way(self._projections[name])
        with self._database.read() as connection:
            indexed = self._find(connection)
            known = {way: indexed[way] for way in types if way in indexed}
            count = sum(_count_of_many(connection, each, keys, until, most + 1) for each in known.values())
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
            indexed = self._find(connection)
            for way in types:
                if way in indexed:
                    found.update(_next_keys(connection, indexed[way], after, limit))
        keys = sorted(found)[:limit]
        return keys, len(keys) == limit

    def last_key(self, name: str) -> str | None:
        """The last of the texts that `keys_after` would come to now; None when there is none."""
        ways, e = self._types_by_way(self._projections[name]), event_keys.c
        with self._database.read() as connection:
            ids = [each.id for way, each in self._find(connection).items() if way in ways]
            last = [connection.scalar(sa.select(sa.func.max(e.key)).where(e.key_id == each)) for each in ids]
        return max((text for text in last if text is not None), default=None)

    def unindexed_keys(self, name: str, *, until: int) -> list[str]:
        """The texts of keys with events up to `until` that are not indexed yet."""
        with self._database.read() as connection:
            indexed = self._find(connection)
        found: set[str] = set()
        for way, handled in self._types_by_way(self._projections[name]).items():
            start = indexed[way].to if way in indexed else 0
            found.update(text for raw in self._pages(handled, start, until) for text in _texts_of(self._ways[way], raw))
        return sorted(found)

    def touched_keys(self, name: str, *, after: int, until: int, most: int, most_events: int) -> set[str] | None:
        """The texts of keys with events behind `after`, up to `until`; None when there are more than `most`, or more
        than `most_events` events to read for it."""
        found: set[str] = set()
        for way, handled in self._types_by_way(self._projections[name]).items():
            for read, raw in enumerate(self._pages(handled, after, until), start=1):
                found.update(_texts_of(self._ways[way], raw))
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
            for text in _texts_of(self._ways[way], raw)
        }

    def _pages(self, types: Iterable[str], after: int, until: int) -> Iterator[Raw]:
        while after < until:
            page = self._read(after, until, types, STEP)
            yield from page
            after = page[-1][0] if len(page) == STEP else until

    def _positions(self, way: KeyWay, types: set[str], key: str, until: int) -> set[int]:
        with self._database.read() as connection:
            indexed = self._find(connection).get(way.name)
            found = [] if indexed is None else _stored(connection, indexed, key, until)
        start = 0 if indexed is None else indexed.to
        if way.routers.keys() != types:
            found = [position for position in found if self._is_of(position, types)]
        return {*found, *self._scan(way, types, key, start, until)}

    def _is_of(self, position: int, types: set[str]) -> bool:
        """Other projections that share the way handle other events of the key."""
        event = self._events.get(position)
        return event is not None and event.type in types

    def _scan(self, way: KeyWay, types: set[str], key: str, after: int, until: int) -> Iterable[int]:
        return (raw[0] for raw in self._pages(types, after, until) if key in _texts_of(way, raw))

    def indexed_to(self) -> int:
        """The position up to which every way is indexed; lookups scan what comes behind."""
        with self._database.read() as connection:
            found = self._find(connection)
        return min((each.to for each in found.values()), default=0) if len(found) == len(self._ways) else 0


class _Overtaken(Exception):
    """Another follower indexed these events."""


def _texts_of(way: KeyWay, raw: Raw) -> list[str]:
    """None for an event whose key cannot be read: no row can be meant, and the fold stops there."""
    router = way.routers.get(raw[1])  # a page holds the events of several ways
    try:
        return [key_text(key) for key in router.keys_of(raw)] if router else []
    except KeyUnreadable:
        return []


def _move(connection: sa.Connection, indexed: _Indexed, fingerprint: str, position: int) -> bool:
    k = key_ids.c
    swap = sa.update(key_ids).where(k.id == indexed.id, k.fingerprint == fingerprint, k.indexed_to == indexed.to)
    return connection.execute(swap.values(indexed_to=position)).rowcount == 1


def _insert(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    for start in range(0, len(entries), MOST_ROWS):
        part = entries[start : start + MOST_ROWS]
        rows = many_rows(len(part), 3, mark)
        statement = f"INSERT INTO event_keys (key_id, key, position) VALUES {rows} ON CONFLICT DO NOTHING"
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))


def _stored(connection: sa.Connection, indexed: _Indexed, key: str, until: int) -> list[int]:
    e = event_keys.c
    asked = sa.select(e.position).where(e.key_id == indexed.id, e.key == key, e.position <= min(until, indexed.to))
    return list(connection.execute(asked).scalars())


def _count_of_many(connection: sa.Connection, indexed: _Indexed, keys: Sequence[str], until: int, limit: int) -> int:
    """Counted no further than `limit`."""
    e = event_keys.c
    mine = (e.key_id == indexed.id, e.key.in_(keys), e.position <= min(until, indexed.to))
    found = sa.select(sa.literal(1)).where(*mine).limit(limit).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one()


_STORED_ON_SQLITE = (
    "SELECT indexed_to, (SELECT json_group_array(position) FROM event_keys WHERE key_id = id "
    "AND key IN (SELECT value FROM json_each(?)) AND position <= min(?, indexed_to)) "
    "FROM key_ids WHERE key_name = ? AND fingerprint = ?"
)
_STORED_ON_POSTGRES = (
    "SELECT indexed_to, (SELECT coalesce(json_agg(position), '[]')::text FROM event_keys WHERE key_id = id "
    "AND key = ANY(ARRAY(SELECT json_array_elements_text(%s::json))) AND position <= least(%s, indexed_to)) "
    "FROM key_ids WHERE key_name = %s AND fingerprint = %s"
)


def _next_keys(connection: sa.Connection, indexed: _Indexed, after: str | None, limit: int) -> Iterable[str]:
    e = event_keys.c
    asked = sa.select(e.key).where(e.key_id == indexed.id).distinct().order_by(e.key).limit(limit)
    asked = asked if after is None else asked.where(e.key > after)
    if connection.dialect.name == "sqlite":
        found = connection.execute(sa.select(sa.func.json_group_array(asked.subquery().c.key))).scalar_one()
        return msgspec.json.decode(found, type=list[str])
    return connection.execute(asked).scalars().all()
