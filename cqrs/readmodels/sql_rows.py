"""The rows of one generation in a SQL database, and the transaction that moves them and the checkpoint together."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from operator import itemgetter
from typing import Any, NoReturn, Self

import msgspec
import sqlalchemy as sa

from cqrs.errors import InexactValue, RowsRefused, RowUnreadable, TransactionNotYours
from cqrs.readmodels import parked_table
from cqrs.readmodels.batch import Batch, Loaded
from cqrs.readmodels.checkpoint import Checkpoint
from cqrs.readmodels.codec import Packed, RowCodec
from cqrs.readmodels.generation import Generation
from cqrs.readmodels.generations import table_name
from cqrs.readmodels.keys import key_of_text
from cqrs.readmodels.one_statement import OneStatement
from cqrs.readmodels.postgres_statements import PostgresRowStatements
from cqrs.readmodels.rows import Key, Row, RowModel
from cqrs.readmodels.set_aside import Settled
from cqrs.readmodels.statements import RowStatements, Statement
from cqrs.store.database import Database

#: Rows a slice: short enough that an append waits some 10 ms for it at most.
SLICE = 2_000

#: Physical tables by the names of the declared ones.
Tables = Mapping[str, sa.Table]

_json = msgspec.json.Decoder(list[tuple[Any, ...]])


class SqlGenerationRows:
    """See GenerationRows."""

    def __init__(self, database: Database, model: RowModel, number: int, checkpoint: Checkpoint) -> None:
        dialect = database.engine.dialect
        self._database = database
        self._model = model
        self._number = number
        self._checkpoint = checkpoint
        self._read: Callable[[], AbstractContextManager[sa.Connection]] = lambda: database.glance()
        self._write: Callable[[], AbstractContextManager[sa.Connection]] = lambda: database.write(durable=False)
        self._move = checkpoint.move
        self._codec = RowCodec(model, dialect)
        self._sql: RowStatements
        self._one_statement: OneStatement | None = None
        if database.dialect == "sqlite":
            self._sql = RowStatements(model, number, dialect)
        else:
            self._sql = sql = PostgresRowStatements(model, number, dialect)
            self._one_statement = OneStatement(database, sql, checkpoint)

    def within(self, connection: sa.Connection) -> Self:
        """The same rows, read and written in a transaction that somebody else ends, and who holds no lease but has
        the checkpoint locked."""
        inside = copy.copy(self)
        inside._read = inside._write = lambda: nullcontext(connection)
        inside._move = self._checkpoint.carry
        inside._one_statement = None
        return inside

    def pack(self, keys: Sequence[Key], rows: Sequence[Row], *, settle: bool = False) -> Sequence[Packed]:
        return self._codec.pack(keys, rows, settle=settle)

    def faults(self, keys: Sequence[Key], rows: Sequence[Row]) -> Mapping[Key, Exception]:
        return self._codec.faults(keys, rows)

    def is_empty(self) -> bool:
        return self.count(1) == 0

    def count(self, limit: int) -> int:
        with self._read() as connection:
            counted = f"SELECT count(*) FROM (SELECT 1 FROM {self._sql.table} LIMIT {limit:d}) AS counted"
            return int(connection.exec_driver_sql(counted).scalar_one())

    # Reading

    def load(self, keys: Collection[Key]) -> Loaded:
        if not keys:
            return Loaded({})
        packed = self._codec.pack_keys(keys)
        with self._read() as connection:
            stored = self._fetch(connection, packed)
        try:
            return Loaded({row.key: row for row in self._codec.unpack(stored)})
        except (ValueError, TypeError, ArithmeticError, InexactValue):
            return self._sort_out(stored)

    def read_key(self, stored: tuple[Any, ...]) -> Key | None:
        try:
            (key,) = self._codec.unpack_keys([stored])
            self._model.check_keys([key])
        except (ValueError, TypeError, ArithmeticError, InexactValue):
            return None
        return key

    def _fetch(self, connection: sa.Connection, keys: Sequence[tuple[Any, ...]]) -> Sequence[Packed]:
        if self._sql.json_safe and connection.dialect.name == "sqlite":
            try:
                found = connection.exec_driver_sql(*self._sql.select_as_json(keys))
                return _json.decode(found.scalar_one())
            except (sa.exc.OperationalError, msgspec.MsgspecError):
                pass  # A foreign value that JSON cannot hold, such as bytes in a text column.
        rows: list[Packed] = []
        for statement, values in self._sql.selects(keys):
            rows += connection.exec_driver_sql(statement, values).cursor.fetchall()  # plain tuples, all at once
        return rows

    def _sort_out(self, stored: Sequence[Packed]) -> Loaded:
        rows: dict[Key, Row] = {}
        unreadable: dict[Key, Exception] = {}
        for values in stored:
            (key,) = self._codec.unpack_keys([values[: len(self._model.key_columns)]])
            try:
                (rows[key],) = self._codec.unpack([values])
            except (ValueError, TypeError, ArithmeticError, InexactValue) as error:
                unreadable[key] = RowUnreadable(key=key, why=error)
        return Loaded(rows, unreadable)

    # Writing

    def commit(self, held: Generation, batch: Batch) -> Generation:
        if self._one_statement is not None and self._one_statement.fits(batch):
            self._one_statement.commit(held, batch)
        else:
            self._commit(held, batch)
        moved = dataclasses.replace(held, position=batch.position, event_id=batch.event_id)
        return dataclasses.replace(moved, suspect=batch.suspect, deaths=0, in_hand=None)

    def _commit(self, held: Generation, batch: Batch) -> None:
        upserts = list(self._sql.upserts(self._by_key(batch.upserts)))
        deletes = list(self._sql.deletes(self._codec.pack_keys(batch.deletes))) if batch.deletes else []
        with self._write() as connection:
            self._move(connection, held, batch)
            self._run(connection, (*deletes, *upserts))
            parked_table.record(connection, held, batch)

    def run(self, held: Generation, batch: Batch, work: Callable[[sa.Connection, Tables], None]) -> Generation:
        """Move the checkpoint and let statements do the rest, both or neither. `work` is given the physical tables by
        the names of the declared ones; whatever it raises leaves everything as it was. Raises Fenced."""
        with self._write() as connection:
            self._move(connection, held, batch)
            with _kept_whole(connection):
                work(connection, self._tables)
        moved = dataclasses.replace(held, position=batch.position, event_id=batch.event_id)
        return dataclasses.replace(moved, suspect=batch.suspect, deaths=0, in_hand=None)

    @cached_property
    def _tables(self) -> Tables:
        models, metadata = (self._model, *self._model.companions), sa.MetaData()
        return {each.name: each.table.to_metadata(metadata, name=table_name(each, self._number)) for each in models}

    def commit_sliced(self, held: Generation, batch: Batch) -> Generation:
        # So that the rows of a slice lie on few pages: unsorted, 2,000 random ones write 20 times as much.
        rest = self._by_key(batch.upserts)
        while len(rest) > SLICE:
            self._write_slice(held, rest[:SLICE])
            rest = rest[SLICE:]
        return self.commit(held, dataclasses.replace(batch, upserts=rest))

    def _by_key(self, rows: Sequence[Packed]) -> list[Packed]:
        return sorted(rows, key=itemgetter(*range(len(self._model.key_columns))))

    def _write_slice(self, held: Generation, rows: Sequence[Packed]) -> None:
        upserts = list(self._sql.upserts(rows))
        with self._write() as connection:
            self._checkpoint.hold(connection, held)
            self._run(connection, upserts)

    def settle(self, connection: sa.Connection, key: str, settled: Settled) -> None:
        """Write what a parked key came to, in the caller's transaction."""
        self._run(connection, self._sql.upserts(settled.upsert))
        wanted = key_of_text(key, self._model) if settled.delete else None
        if wanted is not None:
            self._run(connection, self._sql.deletes(self._codec.pack_keys([wanted])))

    def _run(self, connection: sa.Connection, statements: Iterable[Statement]) -> None:
        try:
            for statement, values in statements:
                connection.exec_driver_sql(statement, values)
        except (sa.exc.IntegrityError, sa.exc.DataError) as error:
            raise RowsRefused(projection=self._model.name, why=error.orig) from error

    def refusals(self, packed: Sequence[Packed]) -> list[str | None]:
        refused: list[str | None] = []
        try:
            with self._write() as connection:
                for row in packed:
                    refused.append(self._refusal(connection, row))
                raise _Undo
        except _Undo:
            return refused

    def _refusal(self, connection: sa.Connection, row: Packed) -> str | None:
        try:
            with connection.begin_nested():
                self._run(connection, self._sql.upserts([row]))
        except RowsRefused as error:
            return str(error.facts["why"])
        return None


@contextmanager
def _kept_whole(connection: sa.Connection) -> Iterator[None]:
    """Whoever is lent the connection inside can neither commit nor roll back."""

    def refuse(_connection: sa.Connection) -> NoReturn:
        raise TransactionNotYours()

    for end in ("commit", "rollback"):
        sa.event.listen(connection, end, refuse)
    try:
        yield
    finally:
        for end in ("commit", "rollback"):
            sa.event.remove(connection, end, refuse)


class _Undo(Exception):
    """Leaves a write transaction without keeping what it did."""
