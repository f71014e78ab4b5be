"""Operations: durable rows first, then work. A worker claims one under a lease; after a crash the next one does."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from cqrs.errors import NotFound, OperationFinished, OperationInTheWay, OperationNotWaiting
from cqrs.identifiers import new_id
from cqrs.store.database import KEEP_PLAN, Database
from cqrs.store.database_time import database_now
from cqrs.store.question import Question
from cqrs.workers.operation import ACTIVE, EXCLUSIVE, LogLine, Operation, OperationState, Phase
from cqrs.workers.operation_tables import operation_log, operations
from cqrs.workers.run import LEASE_SECONDS, Run

REPLAYS_AT_ONCE = 2
LONGEST_PAGE = 200
LOG_LINES_SHOWN = 50

_PHASES = msgspec.json.Decoder(list[Phase])


class Operations:
    """What has been asked for, what is being done and what came of it. All times are the database's."""

    def __init__(self, database: Database, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    def request(
        self,
        kind: str,
        projection: str,
        *,
        actor: str,
        parameters: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> Operation:
        """Store the wish; a worker carries it out. Raises OperationInTheWay when another one holds the projection."""
        try:
            with self._database.write() as connection:
                identity = self.record(connection, kind, projection, actor=actor, parameters=parameters, reason=reason)
        except IntegrityError as error:
            raise self._in_the_way(projection) from error
        return self.get(identity)

    def record(
        self,
        connection: sa.Connection,
        kind: str,
        projection: str,
        *,
        actor: str,
        parameters: Mapping[str, Any] | None = None,
        reason: str | None = None,
    ) -> str:
        """The same in a transaction of whoever asks; the id. Raises IntegrityError when another one is in the way."""
        identity = new_id()
        connection.execute(
            operations.insert().values(
                id=identity,
                kind=kind,
                projection=projection,
                state=OperationState.REQUESTED,
                parameters=_json(parameters or {}),
                actor=actor,
                reason=reason,
                requested_at=self._database.now(connection),
                phases="[]",
                errors="[]",
                error_count=0,
                token=0,
                attempts=0,
                holds=projection if kind in EXCLUSIVE else None,
                log_lines=0,
            )
        )
        return identity

    def holder(self, projection: str) -> Operation | None:
        """The exclusive operation on this projection that is not finished."""
        found = self._select(operations.c.holds == projection, limit=1)
        return found[0] if found else None

    def get(self, identity: str) -> Operation:
        """Raises NotFound."""
        found = self._select(operations.c.id == identity, limit=1)
        if not found:
            raise NotFound(what="operation", name=identity[:64])
        return found[0]

    def page(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        projection: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Operation]:
        """The newest first; `before` is the id of the last one of the page before."""
        columns = operations.c
        wanted = {columns.kind: kind, columns.state: state, columns.projection: projection}
        conditions = [column == value for column, value in wanted.items() if value is not None]
        if before is not None:
            conditions.append(columns.id < before)
        return self._select(*conditions, limit=min(limit, LONGEST_PAGE))

    def active(self) -> list[Operation]:
        return [_operation(row) for row in self._database.ask(_active())]

    def log(self, identity: str, *, limit: int = LOG_LINES_SHOWN) -> list[LogLine]:
        """The last lines, the newest first."""
        query = (
            sa.select(operation_log.c.n, operation_log.c.at, operation_log.c.level, operation_log.c.text)
            .where(operation_log.c.operation == identity)
            .order_by(operation_log.c.n.desc())
            .limit(limit)
        )
        with self._database.glance() as connection:
            return [LogLine(n=n, at=at, level=level, text=text) for n, at, level, text in connection.execute(query)]

    def cancel(self, identity: str, *, actor: str) -> Operation:
        """What nobody works on ends at once; a worker is told, and ends it at its next step.

        Raises OperationFinished when there is nothing left to cancel.
        """
        with self._database.write() as connection:
            idle = self._update(
                connection,
                identity,
                operations.c.state == OperationState.REQUESTED,
                state=OperationState.CANCELLED,
                cancelled_by=actor,
                finished_at=self._database.now(connection),
                holds=None,
                result=_json({"outcome": "It had not begun: nothing was changed."}),
            )
            told = idle or self._update(
                connection,
                identity,
                operations.c.state.in_((OperationState.RUNNING, OperationState.WAITING, OperationState.CANCELLING)),
                state=OperationState.CANCELLING,
                cancelled_by=sa.func.coalesce(operations.c.cancelled_by, actor),
            )
        operation = self.get(identity)
        if not told:
            raise OperationFinished(title=operation.title, state=operation.state.value)
        return operation

    def approve(self, identity: str, *, actor: str) -> Operation:
        """Let an operation that waits for review go on. Raises OperationNotWaiting for any other."""
        with self._database.write() as connection:
            waiting = operations.c.state == OperationState.WAITING
            approved = self._update(
                connection, identity, waiting, state=OperationState.RUNNING, approved_by=actor, lease_until=None
            )
        operation = self.get(identity)
        if not approved:
            raise OperationNotWaiting(title=operation.title, state=operation.state.value)
        return operation

    def claim(self, owner: str, kinds: tuple[str, ...]) -> Run | None:
        """Take the oldest operation that nobody works on: requested, approved, or left behind by a dead worker."""
        claimable = _claimable(kinds)
        with self._database.glance() as connection:
            if connection.execute(claimable).first() is None:
                return None  # asked twice a second by every worker: nobody else need wait for that
        with self._database.write() as connection:
            if self._database.dialect == "postgresql":
                claimable = claimable.with_for_update(skip_locked=True)
            found = connection.execute(claimable).one_or_none()
            if found is None:
                return None
            self._update(
                connection,
                found.id,
                sa.true(),
                state=sa.case(
                    (operations.c.state == OperationState.CANCELLING, OperationState.CANCELLING),
                    else_=OperationState.RUNNING,
                ),
                owner=owner,
                token=found.token + 1,
                attempts=operations.c.attempts + 1,
                started_at=sa.func.coalesce(operations.c.started_at, database_now()),
                heartbeat_at=database_now(),
                lease_until=database_now(sa.literal(self._lease_seconds, sa.Float)),
            )
        return Run(self._database, self.get(found.id), found.token + 1, self._lease_seconds)

    def _update(
        self, connection: sa.Connection, identity: str, condition: sa.ColumnElement[bool], **values: Any
    ) -> bool:
        changed = connection.execute(operations.update().where(operations.c.id == identity, condition).values(values))
        return changed.rowcount == 1

    def _in_the_way(self, projection: str) -> OperationInTheWay:
        holder = self.holder(projection)
        title = holder.title if holder else f"Another operation on {projection}"
        return OperationInTheWay(title=title, id=holder.id if holder else None)

    def _select(self, *conditions: sa.ColumnElement[bool], limit: int) -> list[Operation]:
        return self._found(_newest(*conditions, limit=limit))

    def _found(self, query: sa.Select[Any]) -> list[Operation]:
        with self._database.glance() as connection:
            return [_operation(row) for row in connection.execute(query)]


def _claimable(kinds: tuple[str, ...]) -> sa.Select[Any]:
    """The oldest one that nobody works on; no replay where as many are at work as may be."""
    columns = operations.c
    held = columns.state.in_((OperationState.RUNNING, OperationState.CANCELLING))
    abandoned = sa.and_(held, sa.or_(columns.lease_until.is_(None), columns.lease_until < database_now()))
    replaying = sa.select(columns.id).where(columns.kind == "replay", held, columns.lease_until >= database_now())
    replays = sa.select(sa.func.count()).select_from(replaying.limit(REPLAYS_AT_ONCE).subquery()).scalar_subquery()
    may_begin = sa.or_(columns.kind != "replay", replays < REPLAYS_AT_ONCE)
    requested = sa.and_(columns.state == OperationState.REQUESTED, may_begin)
    query = sa.select(columns.id, columns.token).where(columns.kind.in_(kinds), sa.or_(requested, abandoned))
    return query.order_by(columns.id).limit(1)


def _newest(*conditions: sa.ColumnElement[bool], limit: int) -> sa.Select[Any]:
    query = sa.select(operations, database_now().label("now")).where(*conditions)
    return query.order_by(operations.c.id.desc()).limit(limit).execution_options(**KEEP_PLAN)


@functools.cache
def _active() -> Question:
    return Question(_newest(operations.c.state.in_(ACTIVE), limit=LONGEST_PAGE))


def _operation(row: sa.Row[Any]) -> Operation:
    silent = (row.now - row.heartbeat_at).total_seconds() if row.heartbeat_at and not row.finished_at else None
    return Operation(
        id=row.id,
        kind=row.kind,
        projection=row.projection,
        state=OperationState(row.state),
        parameters=msgspec.json.decode(row.parameters),
        actor=row.actor,
        reason=row.reason,
        requested_at=row.requested_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        phases=_PHASES.decode(row.phases),
        done=row.done,
        total=row.total,
        rate=row.rate,
        errors=msgspec.json.decode(row.errors),
        error_count=row.error_count,
        result=msgspec.json.decode(row.result) if row.result else None,
        owner=row.owner,
        attempts=row.attempts,
        silent_seconds=max(0.0, silent) if silent is not None else None,
        cancelled_by=row.cancelled_by,
        approved_by=row.approved_by,
    )


def _json(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
