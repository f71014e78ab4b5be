"""A batch that only writes rows, on PostgreSQL: checkpoint and rows in one statement, and so in one round trip.

What makes a batch count once stays as it is: the swap of the checkpoint. The rows are selected together with its
result, so there are none unless it succeeds; and a statement, as a transaction, is whole or not at all.
"""

from __future__ import annotations

from functools import cached_property

from sqlalchemy.engine.interfaces import Compiled

from cqrs.errors import Fenced, RowsRefused
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.checkpoint import Checkpoint
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.postgres_statements import PostgresRowStatements, records_of
from cqrs.store.database import Database


class OneStatement:
    def __init__(self, database: Database, sql: PostgresRowStatements, checkpoint: Checkpoint) -> None:
        self._database = database
        self._sql = sql
        self._checkpoint = checkpoint

    def fits(self, batch: Batch) -> bool:
        return self._sql.json_safe and not (batch.deletes or batch.parked or batch.held)

    def commit(self, held: Generation, batch: Batch) -> None:
        """Raises Fenced, or RowsRefused."""
        values = {**(self._swap.construct_params(self._checkpoint.swap(held, batch)) or {})}
        if batch.upserts:
            values["rows"] = records_of(batch.upserts)
        refused = self._database.engine.dialect.loaded_dbapi
        with self._database.alone() as driver:
            try:
                (moved,) = driver.execute(self._with_rows if batch.upserts else self._bare, values).fetchone()
            except (refused.IntegrityError, refused.DataError) as error:
                raise RowsRefused(projection=held.projection, why=error) from error
        if moved != 1:
            raise Fenced(projection=held.projection, generation=held.number)

    @cached_property
    def _swap(self) -> Compiled:
        return self._checkpoint.compiled_move(self._database.engine.dialect)

    @cached_property
    def _bare(self) -> str:
        return f"{self._moved} SELECT count(*) FROM moved, relaxed"

    @cached_property
    def _with_rows(self) -> str:
        written = self._sql.upsert("%(rows)s", beside="relaxed, moved, ")
        return f"{self._moved}, written AS ({written}) SELECT count(*) FROM moved"

    @cached_property
    def _moved(self) -> str:
        """As in a transaction of ours that is not durable, no commit waits for the disk."""
        relaxed = "SELECT set_config('synchronous_commit', 'off', true)"
        return f"WITH relaxed AS MATERIALIZED ({relaxed}), moved AS ({self._swap} RETURNING 1)"
