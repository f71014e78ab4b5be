"""What the key index has stored, by way: the positions of the events of each key, up to where the way is indexed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import msgspec
import sqlalchemy as sa

from cqrs.readmodels.statements import MOST_ROWS, many_rows
from cqrs.readmodels.tables import event_keys, key_ids
from cqrs.store.database import Database
from cqrs.store.database_time import database_now
from cqrs.store.upsert import insert_new

Entry = tuple[int, str, int]

_OF_MANY_ON_SQLITE = (
    "SELECT indexed_to, (SELECT json_group_array(position) FROM event_keys WHERE key_id = id "
    "AND key IN (SELECT value FROM json_each(?)) AND position <= min(?, indexed_to)) "
    "FROM key_ids WHERE key_name = ? AND fingerprint = ?"
)
_OF_MANY_ON_POSTGRES = (
    "SELECT indexed_to, (SELECT coalesce(json_agg(position), '[]')::text FROM event_keys WHERE key_id = id "
    "AND key = ANY(ARRAY(SELECT json_array_elements_text(%s::json))) AND position <= least(%s, indexed_to)) "
    "FROM key_ids WHERE key_name = %s AND fingerprint = %s"
)


@dataclass(frozen=True, slots=True)
class IndexedWay:
    id: int
    #: The position up to which it is indexed.
    to: int


class IndexedKeys:
    """Of the ways of one program, by name; those of other fingerprints are not seen."""

    def __init__(self, database: Database, fingerprints: Mapping[str, str]) -> None:
        self._database = database
        self._fingerprints = fingerprints

    def ways(self, connection: sa.Connection) -> dict[str, IndexedWay]:
        rows = connection.execute(sa.select(key_ids)).all()
        return {
            row.key_name: IndexedWay(row.id, row.indexed_to)
            for row in rows
            if self._fingerprints.get(row.key_name) == row.fingerprint
        }

    def all_ways(self) -> dict[str, IndexedWay]:
        """Those that were not there are begun."""
        with self._database.glance() as connection:
            found = self.ways(connection)
        if len(found) < len(self._fingerprints):
            with self._database.write(durable=False) as connection:
                found = self.ways(connection)
                for name in self._fingerprints.keys() - found.keys():
                    row = {"key_name": name, "fingerprint": self._fingerprints[name], "indexed_to": 0}
                    row["followed_at"] = database_now()
                    connection.execute(insert_new(self._database.dialect, key_ids, row))
                found = self.ways(connection)
        return found

    def sign(self) -> None:
        """Write down that these ways are in use."""
        ours = sa.tuple_(key_ids.c.key_name, key_ids.c.fingerprint).in_(list(self._fingerprints.items()))
        with self._database.write(durable=False) as connection:
            connection.execute(sa.update(key_ids).where(ours).values(followed_at=database_now()))

    def move(self, connection: sa.Connection, way: IndexedWay, fingerprint: str, position: int) -> bool:
        """Whether the way was still where it was read."""
        k = key_ids.c
        swap = sa.update(key_ids).where(k.id == way.id, k.fingerprint == fingerprint, k.indexed_to == way.to)
        return connection.execute(swap.values(indexed_to=position)).rowcount == 1

    def insert(self, connection: sa.Connection, entries: Sequence[Entry]) -> None:
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        for start in range(0, len(entries), MOST_ROWS):
            part = entries[start : start + MOST_ROWS]
            rows = many_rows(len(part), 3, mark)
            statement = f"INSERT INTO event_keys (key_id, key, position) VALUES {rows} ON CONFLICT DO NOTHING"
            connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))

    def positions(self, connection: sa.Connection, way: IndexedWay, key: str, until: int) -> list[int]:
        e = event_keys.c
        asked = sa.select(e.position).where(e.key_id == way.id, e.key == key, e.position <= min(until, way.to))
        return list(connection.execute(asked).scalars())

    def positions_of_many(self, name: str, texts: str, until: int) -> tuple[int, Sequence[int]]:
        """How far the way is indexed, and the positions of the keys up to there, in one statement and so of one moment.
        All keys travel as one value, and so do the positions: fetching lets go of the interpreter at every row."""
        statement = _OF_MANY_ON_SQLITE if self._database.dialect == "sqlite" else _OF_MANY_ON_POSTGRES
        with self._database.glance() as connection:
            row = connection.exec_driver_sql(statement, (texts, until, name, self._fingerprints[name])).one_or_none()
        return (0, ()) if row is None else (row[0], msgspec.json.decode(row[1], type=list[int]))

    def count_of_many(
        self, connection: sa.Connection, way: IndexedWay, keys: Sequence[str], until: int, limit: int
    ) -> int:
        """Counted no further than `limit`."""
        e = event_keys.c
        mine = (e.key_id == way.id, e.key.in_(keys), e.position <= min(until, way.to))
        found = sa.select(sa.literal(1)).where(*mine).limit(limit).subquery()
        return connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one()

    def keys_after(self, connection: sa.Connection, way: IndexedWay, after: str | None, limit: int) -> Iterable[str]:
        e = event_keys.c
        asked = sa.select(e.key).where(e.key_id == way.id).distinct().order_by(e.key).limit(limit)
        asked = asked if after is None else asked.where(e.key > after)
        if connection.dialect.name == "sqlite":
            found = connection.execute(sa.select(sa.func.json_group_array(asked.subquery().c.key))).scalar_one()
            return msgspec.json.decode(found, type=list[str])
        return connection.execute(asked).scalars().all()

    def last_key(self, connection: sa.Connection, way: IndexedWay) -> str | None:
        last: str | None = connection.scalar(
            sa.select(sa.func.max(event_keys.c.key)).where(event_keys.c.key_id == way.id)
        )
        return last
