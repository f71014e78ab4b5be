"""Forgetting what the key index knows about ways in which no program keys events any more.

A lookup must never find half of what was indexed. So a way first counts as not indexed at all, its entries go while
it stays so, and its id goes last: SQLite gives an id that is free to the next way. A program that comes back meanwhile
begins anew, and stops this.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from cqrs.readmodels.tables import event_keys, key_ids
from cqrs.store.database import Database

#: A program of another version may be away for this long, and need not index anew when it comes back.
UNUSED_FOR = timedelta(days=7)
#: Entries deleted in one transaction: others wait for it.
SLICE = 1_000


def forget_unused(database: Database, used: Mapping[str, str], *, unused_for: timedelta = UNUSED_FOR) -> int:
    """How many entries were removed of ways that nobody has followed for so long; `used`: the fingerprints by name
    that stay all the same."""
    k = key_ids.c
    with database.read() as connection:
        old = database.now(connection) - unused_for
        rows = connection.execute(sa.select(k.id, k.key_name, k.fingerprint).where(k.followed_at < old)).all()
    return sum(_forget(database, id_, old) for id_, name, fingerprint in rows if used.get(name) != fingerprint)


def _forget(database: Database, id_: int, old: datetime) -> int:
    k, e = key_ids.c, event_keys.c
    unused = (k.id == id_, k.followed_at < old)
    with database.write(durable=False) as connection:
        connection.execute(sa.update(key_ids).where(*unused).values(indexed_to=0))
    some = sa.select(e.key, e.position).where(e.key_id == id_).limit(SLICE)
    removed = 0
    while True:
        with database.write(durable=False) as connection:
            # Writing the row locks it: nobody moves it on before the entries are gone.
            stays = sa.update(key_ids).where(*unused, k.indexed_to == 0).values(indexed_to=0)
            if connection.execute(stays).rowcount == 0:
                return removed
            among = sa.tuple_(e.key, e.position).in_(some)
            gone = connection.execute(sa.delete(event_keys).where(e.key_id == id_, among)).rowcount
            if gone == 0:
                connection.execute(sa.delete(key_ids).where(k.id == id_))
                return removed
        removed += gone
