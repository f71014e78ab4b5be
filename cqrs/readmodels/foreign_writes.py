"""What the triggers noticed, for those who look at the rows: each write is seen by one check, in the end."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.readmodels.tables import foreign_writes
from cqrs.store.database import Database

f = foreign_writes.c


class ForeignWrites:
    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, projection: str, generation: int, by: str) -> None:
        """All that no check has seen are to be seen by this one, whose rows are read from now on."""
        with self._database.write() as connection:
            nobodys = (f.projection == projection, f.generation == generation, f.seen_by.is_(None))
            connection.execute(sa.update(foreign_writes).where(*nobodys).values(seen_by=by))

    def give_back(self, by: str) -> None:
        """It did not come to look at them."""
        with self._database.write() as connection:
            connection.execute(sa.update(foreign_writes).where(f.seen_by == by).values(seen_by=None))

    def keys(self, projection: str, generation: int, by: str, limit: int) -> list[str | None]:
        """The texts of the keys of the claimed ones, as the database writes them; None is a key that is NULL."""
        mine = (f.projection == projection, f.generation == generation, f.seen_by == by)
        with self._database.read() as connection:
            return list(connection.execute(sa.select(f.key).where(*mine).distinct().limit(limit)).scalars())
