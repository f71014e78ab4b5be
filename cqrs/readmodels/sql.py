"""Read models in a SQL database."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cqrs.errors import KeyNotParked
from cqrs.identifiers import new_id
from cqrs.readmodels import failing, parked_table, skipped_table, space, swap
from cqrs.readmodels.batch import Batch
from cqrs.readmodels.checkpoint import Checkpoint, generation_of
from cqrs.readmodels.compare import Comparison
from cqrs.readmodels.difference import Compared
from cqrs.readmodels.foreign import watch
from cqrs.readmodels.generation import Failure, Generation, GenerationState, Standing
from cqrs.readmodels.generations import create_generation, point_view
from cqrs.readmodels.inside import Inside
from cqrs.readmodels.rows import RowModel
from cqrs.readmodels.set_aside import Derive, Park, ParkedKey, Settled, Skip, Skipped, Skips
from cqrs.readmodels.sql_rows import SqlGenerationRows
from cqrs.readmodels.tables import generations as g
from cqrs.store.database import KEEP_PLAN, Database
from cqrs.store.database_time import database_now
from cqrs.store.question import Question

#: How long a worker may be silent before another takes over.
LEASE_SECONDS = 15.0

_NOW = sa.select(database_now().label("now")).subquery()
#: With the time, also where there are none.
_GENERATIONS = (
    sa.select(_NOW, g)
    .select_from(_NOW.outerjoin(g, sa.true()))
    .order_by(g.c.projection, g.c.generation)
    .execution_options(**KEEP_PLAN)
)
_PARKED = parked_table.COUNTS.subquery()
_OVERVIEW = Question(
    _GENERATIONS.add_columns(_PARKED.c.parked).outerjoin(
        _PARKED, sa.and_(_PARKED.c.projection == g.c.projection, _PARKED.c.generation == g.c.generation)
    )
)


class SqlReadModelStore:
    """See ReadModelStore. Commits wait for no disk: after a power cut a checkpoint is older, together with its rows."""

    def __init__(self, database: Database, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._checkpoint = Checkpoint(lease_seconds)
        self.lease_seconds = lease_seconds

    # Generations

    def ensure(self, model: RowModel, *, shape: str, logic: str) -> Generation:
        with self._database.write() as connection:
            self._database.begin_migration(connection)  # Processes that start together would both make the table.
            live = sa.select(g).where(g.c.projection == model.name, g.c.state == GenerationState.LIVE)
            row = connection.execute(live).mappings().one_or_none()
            if row is not None:
                return generation_of(row)
            created = self._create(connection, model, shape, logic, GenerationState.LIVE)
            # Not before readers come: a build that nobody reads yet would be a tenth slower with the triggers.
            watch(connection, model, created.number)
            point_view(connection, model, created.number)
            return created

    def create(self, model: RowModel, *, shape: str, logic: str, operation: str | None = None) -> Generation:
        with self._database.write() as connection:
            made = sa.select(g).where(g.c.projection == model.name, g.c.operation == operation)
            row = connection.execute(made).mappings().one_or_none() if operation is not None else None
            if row is not None:
                return generation_of(row)
            return self._create(connection, model, shape, logic, GenerationState.BUILDING, operation)

    def _create(
        self,
        connection: sa.Connection,
        model: RowModel,
        shape: str,
        logic: str,
        state: GenerationState,
        operation: str | None = None,
    ) -> Generation:
        highest = sa.select(sa.func.max(g.c.generation)).where(g.c.projection == model.name)
        number = (connection.execute(highest).scalar() or 0) + 1
        create_generation(connection, model, number)
        facts = {"projection": model.name, "generation": number, "state": state, "shape": shape, "logic": logic}
        origin = connection.execute(sa.select(g.c.origin).limit(1)).scalar()
        facts["origin"] = new_id() if origin is None else origin
        connection.execute(sa.insert(g).values(**facts, operation=operation, created_at=database_now()))
        created = self._checkpoint.read(connection, model.name, number)
        assert created is not None
        return created

    def rows(self, model: RowModel, number: int) -> SqlGenerationRows:
        return SqlGenerationRows(self._database, model, number, self._checkpoint)

    def generations(self) -> tuple[datetime, list[Generation]]:
        with self._database.glance() as connection:
            rows = connection.execute(_GENERATIONS).all()
        return rows[0].now, _generations(rows)

    def overview(self) -> tuple[datetime, list[Generation], dict[tuple[str, int], int]]:
        rows = self._database.ask(_OVERVIEW)
        parked = {(row.projection, row.generation): row.parked for row in rows if row.parked}
        return rows[0].now, _generations(rows), parked

    def inside(self, connection: sa.Connection) -> Inside:
        """What there is to be known and done in a transaction that the caller has begun and will end."""
        return Inside(connection, self._checkpoint)

    # Leases

    def acquire(self, projection: str, number: int, *, owner: str, anew: bool = False) -> Generation | None:
        with self._database.write(durable=False) as connection:
            return self._checkpoint.acquire(connection, projection, number, owner, anew=anew)

    def take_in_hand(self, held: Generation, position: int) -> Generation:
        with self._database.write(durable=False) as connection:
            self._checkpoint.take_in_hand(connection, held, position)
        return dataclasses.replace(held, in_hand=position)

    def renew(self, held: Generation) -> Generation:
        with self._database.write(durable=False) as connection:
            return self._checkpoint.renew(connection, held)

    def release(self, held: Generation) -> None:
        with self._database.write(durable=False) as connection:
            self._checkpoint.release(connection, held)

    # Replays

    def hold(self, live: Generation, *, owner: str, seconds: float) -> Generation:
        with self._database.write(durable=False) as connection:
            swap.hold(connection, live, owner, seconds)
            held = self._checkpoint.read(connection, live.projection, live.number)
            assert held is not None
            return held

    def swap(
        self,
        model: RowModel,
        live: Generation,
        candidate: Generation,
        *,
        outcome: str,
        standing: Standing | None = None,
    ) -> None:
        with self._database.write() as connection:
            swap.swap(connection, model, live, candidate, outcome, standing)

    def remember(self, held: Generation, outcome: str) -> None:
        with self._database.write() as connection:
            swap.remember(connection, held, outcome)

    def readers_from_before(self, moment: datetime) -> int:
        with self._database.read() as connection:
            return swap.readers_from_before(connection, moment)

    def reopen(self, kept: Generation, operation: str) -> Generation:
        with self._database.write() as connection:
            swap.reopen(connection, kept, operation)
            opened = self._checkpoint.read(connection, kept.projection, kept.number)
            assert opened is not None
            return opened

    def put_back(self, projection: str, number: int) -> bool:
        with self._database.write() as connection:
            return swap.put_back(connection, projection, number)

    def drop(self, model: RowModel, number: int) -> bool:
        with self._database.write() as connection:
            return swap.drop(connection, model, number)

    def compare(
        self, model: RowModel, live: Generation, candidate: Generation, *, after: tuple[Any, ...] | None, size: int
    ) -> Compared:
        with self._database.read() as connection:
            return Comparison(connection, model, live, candidate).chunk(after, size)

    def compare_keys(
        self, model: RowModel, live: Generation, candidate: Generation, keys: Sequence[tuple[Any, ...]]
    ) -> Compared:
        with self._database.read() as connection:
            return Comparison(connection, model, live, candidate).keys(keys)

    # What keeps a projection from moving

    def fail(self, held: Generation, failure: Failure) -> None:
        with self._database.write() as connection:
            self._checkpoint.fail(connection, held, failure)

    def pause(self, projection: str, *, by: str, reason: str | None) -> None:
        with self._database.write() as connection:
            live = (g.c.projection == projection, g.c.state == GenerationState.LIVE)
            running = sa.update(g).where(*live, g.c.paused_at.is_(None))
            connection.execute(running.values(paused_at=database_now(), paused_by=by, paused_reason=reason))

    def resume(self, projection: str) -> None:
        with self._database.write() as connection:
            halted = sa.update(g).where(g.c.projection == projection, g.c.state == GenerationState.LIVE)
            lifted = {"paused_at": None, "paused_by": None, "paused_reason": None, "failure": None, "stands": None}
            lifted |= {"deaths": None}  # It is tried again, and may die three times more.
            connection.execute(halted.values(lifted))

    # Space

    def bytes_of(self, model: RowModel, number: int) -> int | None:
        return space.bytes_of(self._database, model, number)

    def bytes_free(self) -> int | None:
        return space.bytes_free(self._database)

    # Parked keys

    def parked_positions(self, projection: str, number: int) -> dict[str, int]:
        with self._database.read() as connection:
            return parked_table.positions(connection, projection, number)

    def parked_since(self, projection: str, number: int, seconds: float) -> int:
        with self._database.read() as connection:
            return parked_table.count_since(connection, projection, number, seconds)

    def parked_counts(self) -> dict[tuple[str, int], int]:
        with self._database.glance() as connection:
            return parked_table.counts(connection)

    def parked(self, projection: str, number: int, *, after: str | None, limit: int) -> list[ParkedKey]:
        with self._database.read() as connection:
            return parked_table.page(connection, projection, number, after, limit)

    def set_aside(self, projection: str, number: int, position: int) -> str | None:
        with self._database.read() as connection:
            return parked_table.set_aside(connection, projection, number, position)

    def find_parked(self, projection: str, number: int, key: str) -> ParkedKey | None:
        with self._database.read() as connection:
            return parked_table.find(connection, projection, number, key)

    def skips(self, projection: str) -> Skips:
        with self._database.glance() as connection:
            return skipped_table.skips(connection, projection)

    def skipped(self, projection: str, *, before: tuple[int, str] | None, limit: int) -> list[Skipped]:
        with self._database.read() as connection:
            return skipped_table.page(connection, projection, before, limit)

    def park_failing(self, projection: str, park: Park) -> ParkedKey:
        with self._database.write() as connection:
            return failing.park(connection, self._checkpoint, projection, park)

    def park_ahead(self, model: RowModel, looked: Generation, batch: Batch) -> None:
        rows = self.rows(model, looked.number)
        with self._database.write() as connection:
            rows.within(connection).commit(failing.go_on(connection, self._checkpoint, looked), batch)

    def skip_failing(self, projection: str, skip: Skip) -> str:
        with self._database.write() as connection:
            return failing.skip(connection, self._checkpoint, projection, skip)

    def settle_parked(
        self, model: RowModel, number: int, key: str, derive: Derive, *, skip: Skip | None = None
    ) -> Settled:
        rows = self.rows(model, number)
        with self._database.write() as connection:
            self._checkpoint.seize(connection, model.name, number)
            held = self._checkpoint.read(connection, model.name, number)
            assert held is not None
            parked = parked_table.find(connection, model.name, number, key)
            if parked is None or (skip is not None and skip.position != parked.position):
                raise KeyNotParked(projection=model.name, key=key)
            if skip is not None:
                skipped_table.skip(connection, model.name, key, skip)
            settled = derive(held.position)
            if settled.parked is None or settled.parked.position >= parked.position:
                rows.settle(connection, key, settled)
            parked_table.settle(connection, model.name, number, parked, settled.parked)
            return settled


def _generations(rows: Sequence[sa.Row[Any]]) -> list[Generation]:
    names = [column.name for column in g.c]
    return [generation_of(dict(zip(names, row[1:], strict=False))) for row in rows if row.projection is not None]
