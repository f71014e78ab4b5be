"""The row of a generation: its checkpoint and its lease, moved by compare-and-swap.

The lease only saves double work. What makes a batch count exactly once is the swap: it is the first statement of the
transaction that writes the rows, and it fails unless token and position are still the ones the work began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Compiled

from cqrs.errors import Fenced
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.generation import ANY_EVENT, Failure, Generation, GenerationState
from cqrs.readmodels.tables import generations as g
from cqrs.store.database_time import database_now

# Live or being built. Not IN with a list: SQLAlchemy would spell that out anew at every single event.
_advancing = g.c.state != GenerationState.KEPT

_seconds = sa.bindparam("lease_seconds", type_=sa.Float)

_this = (g.c.projection == sa.bindparam("p"), g.c.generation == sa.bindparam("g"))
_held = (*_this, g.c.token == sa.bindparam("t"))
_may_move = (
    *_held,
    g.c.position == sa.bindparam("old"),
    _advancing,
    g.c.paused_at.is_(None),
    g.c.failure.is_(None),
)
_alive = {"lease_until": database_now(_seconds), "heartbeat_at": database_now()}

MOVE = (
    sa.update(g)
    .where(*_may_move)
    .values(
        position=sa.bindparam("new"),
        event_id=sa.bindparam("id"),
        advanced_at=database_now(),
        in_hand=None,
        suspect=sa.bindparam("left"),
        deaths=None,
        **_alive,
    )
)
CARRY = (
    sa.update(g)
    .where(*_may_move)
    .values(
        position=sa.bindparam("new"),
        event_id=sa.bindparam("id"),
        advanced_at=database_now(),
        heartbeat_at=database_now(),
    )
)
HOLD = sa.update(g).where(*_may_move, g.c.state == GenerationState.BUILDING).values(_alive)
RENEW = sa.update(g).where(*_held).values(_alive)
# A lease that was not given back tells of a death.
_died = sa.and_(g.c.owner.is_not(None), sa.or_(g.c.owner != sa.bindparam("me"), sa.bindparam("anew", type_=sa.Boolean)))
_again = sa.case((g.c.in_hand == g.c.suspect, sa.func.coalesce(g.c.deaths, 0) + 1), else_=1)
_autopsy = {
    "in_hand": None,
    "suspect": sa.case((_died, sa.func.coalesce(g.c.in_hand, g.c.suspect, ANY_EVENT)), else_=g.c.suspect),
    "deaths": sa.case((sa.and_(_died, g.c.in_hand.is_not(None)), _again), else_=g.c.deaths),
}
ACQUIRE = (
    sa.update(g)
    .where(*_this, _advancing)
    .where(sa.or_(g.c.owner.is_(None), g.c.lease_until < database_now(), g.c.owner == sa.bindparam("me")))
    .values(owner=sa.bindparam("me"), token=g.c.token + 1, **_autopsy, **_alive)
)
TAKE_IN_HAND = sa.update(g).where(*_may_move).values(in_hand=sa.bindparam("what"), **_alive)
RELEASE = sa.update(g).where(*_held).values(owner=None, lease_until=None)
FAIL = sa.update(g).where(*_held).values(failure=sa.bindparam("failure"))
SEIZE = sa.update(g).where(*_this, _advancing).values(token=g.c.token + 1)
READ = sa.select(g).where(*_this)
LIVE = (
    sa.select(g, sa.and_(g.c.lease_until.is_not(None), g.c.lease_until > database_now()).label("leased"))
    .where(g.c.projection == sa.bindparam("p"), g.c.state == GenerationState.LIVE)
    .with_for_update()
)


class Checkpoint:
    """Each method runs inside the caller's transaction. Those with `held` raise Fenced when it changed hands."""

    def __init__(self, lease_seconds: float) -> None:
        self.lease_seconds = lease_seconds

    def move(self, connection: sa.Connection, held: Generation, batch: Batch) -> None:
        """To be the first statement. Fenced as well when the generation was paused or failed meanwhile."""
        self._one(connection, MOVE, held, **self.swap(held, batch))

    def compiled_move(self, dialect: sa.Dialect) -> Compiled:
        """`move` as text; `swap` has its values. It fails by finding no row."""
        return MOVE.compile(dialect=dialect)

    def swap(self, held: Generation, batch: Batch) -> dict[str, Any]:
        swap = {"old": held.position, "new": batch.position, "id": batch.event_id, "left": batch.suspect}
        return {**_keys(held), **swap, "lease_seconds": self.lease_seconds}

    def carry(self, connection: sa.Connection, held: Generation, batch: Batch) -> None:
        """The same for somebody who holds no lease and prolongs none, but has the row locked: see `live`."""
        swap = {"old": held.position, "new": batch.position, "id": batch.event_id}
        self._one(connection, CARRY, held, **swap)

    def live(self, connection: sa.Connection, projection: str) -> tuple[Generation, bool] | None:
        """The live generation, which nobody else can move before this transaction ends, and whether somebody holds
        its lease. None when there is none."""
        for _ in range(2):  # PostgreSQL finds none where it had to wait for a swap; the new one shows at once
            row = connection.execute(LIVE, {"p": projection}).mappings().one_or_none()
            if row is not None:
                values = dict(row)
                leased = bool(values.pop("leased"))
                return generation_of(values), leased
        return None

    def hold(self, connection: sa.Connection, held: Generation) -> None:
        """The same check, and a longer lease, for a slice that leaves the checkpoint where it is."""
        self._one(connection, HOLD, held, lease_seconds=self.lease_seconds, old=held.position)

    def take_in_hand(self, connection: sa.Connection, held: Generation, position: int) -> None:
        values = {"old": held.position, "what": position, "lease_seconds": self.lease_seconds}
        self._one(connection, TAKE_IN_HAND, held, **values)

    def acquire(
        self, connection: sa.Connection, projection: str, number: int, owner: str, *, anew: bool = False
    ) -> Generation | None:
        this = {"p": projection, "g": number}
        who = {"me": owner, "anew": anew, "lease_seconds": self.lease_seconds}
        taken = connection.execute(ACQUIRE, {**this, **who})
        return self.read(connection, projection, number) if taken.rowcount == 1 else None

    def renew(self, connection: sa.Connection, held: Generation) -> Generation:
        self._one(connection, RENEW, held, lease_seconds=self.lease_seconds)
        renewed = self.read(connection, held.projection, held.number)
        assert renewed is not None
        return renewed

    def release(self, connection: sa.Connection, held: Generation) -> None:
        connection.execute(RELEASE, _keys(held))

    def fail(self, connection: sa.Connection, held: Generation, failure: Failure) -> None:
        self._one(connection, FAIL, held, failure=msgspec.json.encode(failure).decode())

    def seize(self, connection: sa.Connection, projection: str, number: int) -> None:
        """Fence whoever moves it, and keep all others out until this transaction ends.

        Raises Fenced when it is neither live nor being built.
        """
        this = {"p": projection, "g": number}
        if connection.execute(SEIZE, this).rowcount != 1:
            raise Fenced(projection=projection, generation=number)

    def read(self, connection: sa.Connection, projection: str, number: int) -> Generation | None:
        row = connection.execute(READ, {"p": projection, "g": number}).mappings().one_or_none()
        return None if row is None else generation_of(row)

    def _one(self, connection: sa.Connection, statement: sa.Update, held: Generation, **values: Any) -> None:
        if connection.execute(statement, {**_keys(held), **values}).rowcount != 1:
            raise Fenced(projection=held.projection, generation=held.number)


def _keys(held: Generation) -> dict[str, Any]:
    return {"p": held.projection, "g": held.number, "t": held.token}


def generation_of(row: Mapping[Any, Any]) -> Generation:
    values = dict(row)
    failure = values.pop("failure")
    return Generation(
        number=values.pop("generation"),
        state=GenerationState(values.pop("state")),
        failure=None if failure is None else msgspec.json.decode(failure, type=Failure),
        stands=bool(values.pop("stands")),
        deaths=values.pop("deaths") or 0,
        **values,
    )
