"""Rows of the live generation written anew beside the batches of its runner, which is fenced off meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cqrs.errors import Fenced, RowsRefused
from cqrs.readmodels.checkpoint import Checkpoint
from cqrs.readmodels.codec import Packed, RowCodec
from cqrs.readmodels.keys import key_text
from cqrs.readmodels.rows import Key, RowModel
from cqrs.readmodels.snapshots import RowSnapshots, Snapshot, row_statements
from cqrs.readmodels.tables import foreign_writes
from cqrs.store.database import Database


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What is to be done to some keys. A key without a packed row is to have none."""

    keys: Sequence[Key]
    rows: Sequence[Packed]


class RowRepairs:
    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._snapshots = RowSnapshots(database)
        self._checkpoint = Checkpoint(lease_seconds)

    def rewrite(self, model: RowModel, number: int, keys: Sequence[Key], decide: Callable[[Snapshot], Rewrite]) -> None:
        """One transaction, which holds the checkpoint. `decide` is called inside, with the rows of the keys.

        Foreign writes to the rewritten keys are forgotten: what they did is undone. Raises Fenced when the generation
        is not the live one any more, RowsRefused when the database refuses a row.
        """
        sql, codec = row_statements(self._database, model, number), RowCodec(model, self._database.engine.dialect)
        with self._database.write() as connection:
            self._checkpoint.seize(connection, model.name, number)
            held = self._snapshots.on(connection, model, keys)
            if held.live.number != number:
                raise Fenced(projection=model.name, generation=number)
            wanted = decide(held)
            if not wanted.keys:
                return
            try:
                # Deleted first, marked as ours, so that nothing takes the new rows for somebody else's.
                for statement, values in (*sql.deletes(codec.pack_keys(wanted.keys)), *sql.upserts(wanted.rows)):
                    connection.exec_driver_sql(statement, values)
            except (sa.exc.IntegrityError, sa.exc.DataError) as error:
                raise RowsRefused(projection=model.name, why=error.orig) from error
            self._forget(connection, model, number, wanted.keys)

    @staticmethod
    def _forget(connection: sa.Connection, model: RowModel, number: int, keys: Sequence[Any]) -> None:
        f = foreign_writes.c
        texts = [key_text(key) for key in keys]
        mine = sa.delete(foreign_writes).where(f.projection == model.name, f.generation == number, f.key.in_(texts))
        connection.execute(mine)
