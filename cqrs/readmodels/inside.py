"""Read models as they are seen and changed in a transaction that somebody else began and will end."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.readmodels import parked_table, skipped_table
from cqrs.readmodels.checkpoint import Checkpoint
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.set_aside import Skips


class Inside:
    def __init__(self, connection: sa.Connection, checkpoint: Checkpoint) -> None:
        self._connection = connection
        self._checkpoint = checkpoint

    def live(self, projection: str) -> tuple[Generation, bool] | None:
        """The live generation, locked until the transaction ends, and whether somebody holds its lease."""
        return self._checkpoint.live(self._connection, projection)

    def parked_positions(self, live: Generation) -> dict[str, int]:
        return parked_table.positions(self._connection, live.projection, live.number)

    def skips(self, projection: str) -> Skips:
        return skipped_table.skips(self._connection, projection)
