"""Up to which event a query that reads several read models has seen the log."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from cqrs.errors import ReadModelMissing
from cqrs.readmodels.generation import GenerationState
from cqrs.readmodels.tables import generations as g


def lowest_checkpoint(connection: sa.Connection, names: Sequence[str]) -> int:
    """Of the live generations as this snapshot shows them. Raises ReadModelMissing for one that has none."""
    live = sa.select(g.c.projection, g.c.position).where(g.c.state == GenerationState.LIVE)
    found = dict(connection.execute(live).all())
    for name in names:
        if name not in found:
            raise ReadModelMissing(name=name)
    return int(min(found[name] for name in names))
