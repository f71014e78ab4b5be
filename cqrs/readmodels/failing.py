"""A projection that stopped at an event goes on without it, or without its key. Each function runs in the caller's
transaction, in which nobody else moves the generation: whoever did so before is fenced, and reads anew what is set
aside before it applies another event."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from cqrs.errors import NoKeyToSetAside, NotStopped, ReadModelMissing
from cqrs.readmodels import parked_table, skipped_table
from cqrs.readmodels.checkpoint import Checkpoint
from cqrs.readmodels.generation import Failure, Generation
from cqrs.readmodels.set_aside import Park, ParkedKey, Skip
from cqrs.readmodels.tables import generations as g


def park(connection: sa.Connection, checkpoint: Checkpoint, projection: str, chosen: Park) -> ParkedKey:
    """Raises NotStopped, NoKeyToSetAside, ReadModelMissing."""
    live, failure, key = _let_go_on(connection, checkpoint, projection, chosen.position)
    parked = ParkedKey(
        key=key,
        position=failure.position,
        event_type=failure.event_type,
        error=failure.error,
        traceback=failure.traceback,
        attempts=chosen.attempts,
        parked_by=chosen.by,
        reason=chosen.reason,
    )
    parked_table.park(connection, live, parked)
    return parked


def go_on(connection: sa.Connection, checkpoint: Checkpoint, looked: Generation) -> Generation:
    """The generation as it may be moved in this transaction. Raises NotStopped unless it stands as `looked` says,
    NoKeyToSetAside, ReadModelMissing."""
    assert looked.failure is not None
    position = looked.failure.position
    live, _, _ = _let_go_on(connection, checkpoint, looked.projection, position)
    if live.token != looked.token:
        raise NotStopped(projection=looked.projection, position=position)
    return dataclasses.replace(live, token=live.token + 1, failure=None)


def skip(connection: sa.Connection, checkpoint: Checkpoint, projection: str, chosen: Skip) -> str:
    """Raises NotStopped, NoKeyToSetAside, ReadModelMissing."""
    _, _, key = _let_go_on(connection, checkpoint, projection, chosen.position)
    skipped_table.skip(connection, projection, key, chosen)
    return key


def _let_go_on(
    connection: sa.Connection, checkpoint: Checkpoint, projection: str, position: int
) -> tuple[Generation, Failure, str]:
    found = checkpoint.live(connection, projection)
    if found is None:
        raise ReadModelMissing(name=projection)
    live, failure = found[0], found[0].failure
    if failure is None or failure.position != position:
        raise NotStopped(projection=projection, position=position)
    if failure.key is None:
        raise NoKeyToSetAside(projection=projection, position=position)
    this = (g.c.projection == projection, g.c.generation == live.number)
    lifted = {"failure": None, "deaths": None, "token": g.c.token + 1}
    connection.execute(sa.update(g).where(*this).values(lifted))
    return live, failure, failure.key
