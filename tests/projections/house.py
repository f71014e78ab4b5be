"""A library with workers and operators: projections that move, operations that are asked for and carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from cqrs.projections.engine import Sizes
from cqrs.projections.projection import Projection, on
from cqrs.projections.projections import Projections
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.readmodels.tables import generations
from cqrs.store.database import Database
from cqrs.store.schema import READ, upgrade
from cqrs.store.sql import SqlEventStore
from cqrs.workers.operation import Operation
from cqrs.workers.operation_runner import OperationRunner
from cqrs.workers.operations import Operations
from tests.projections.conftest import run_to_end
from tests.projections.library import TYPES, BookBorrowed, Members, append, borrowed, joined, members

#: Small, so that a few hundred events are many batches.
SMALL = Sizes(live=20, build=50, page=25, kept_rows=1_000)


class Killed(BaseException):
    """The process is gone: nothing it would still do is done."""


class Watched:
    """A store that tells `hook` the name of each call before it is made."""

    def __init__(self, store: SqlReadModelStore) -> None:
        self._store = store
        self.hook: Callable[[str], None] = lambda name: None

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._store, name)
        if not callable(value):
            return value

        def call(*args: Any, **options: Any) -> Any:
            self.hook(name)
            found = value(*args, **options)
            return WatchedRows(self, found) if name == "rows" else found

        return call


class WatchedRows:
    def __init__(self, store: Watched, rows: Any) -> None:
        self._watched = store
        self._rows = rows

    def __getattr__(self, name: str) -> Any:
        self._watched.hook(name)
        return getattr(self._rows, name)


class House:
    """What one process has. Several houses on one database are several processes, perhaps with different code."""

    def __init__(
        self,
        database: Database,
        projection: type[Projection] = Members,
        *,
        read: Database | None = None,
        operation_lease: float = 15.0,
        lease_seconds: float = 15.0,
        sizes: Sizes = SMALL,
    ) -> None:
        self.database = read or database
        upgrade(self.database, READ)
        self.events = SqlEventStore(database)
        self.store = Watched(SqlReadModelStore(self.database, lease_seconds=lease_seconds))
        self.projections = Projections([projection], events=self.events, types=TYPES, store=self.store, sizes=sizes)
        self.projections.ensure()
        self.operations = Operations(database, lease_seconds=operation_lease)
        self.slept: list[float] = []
        #: What operations do instead of sleeping.
        self.sleep: Callable[[float], None] = self.slept.append

    def move(self) -> None:
        """The live generation, as far as it goes."""
        run_to_end(self.projections.runner("members", "worker"))

    def ask(self, kind: str, **parameters: Any) -> Operation:
        return self.operations.request(kind, "members", actor="ana", parameters=parameters)

    def work(self, operation: Operation) -> Operation:
        """Carry out what there is to do; returns how it ended."""
        projections = self.projections
        handlers = {"replay": projections.replay(self.sleep), "rollback": projections.roll_back(self.sleep)}
        OperationRunner(self.operations, handlers, "worker").step()
        return self.operations.get(operation.id)

    def replay(self, **parameters: Any) -> Operation:
        return self.work(self.ask("replay", **parameters))

    def roll_back(self) -> Operation:
        return self.work(self.ask("rollback", generation=self.projections.roll_back_target("members").number))

    def rows(self) -> dict[str, tuple[Any, ...]]:
        """What readers see: name, loans, money owed."""
        found = self.sql("SELECT member_id, name, loans, owed FROM members")
        return {member: (name, loans, float(owed)) for member, name, loans, owed in found}

    def sql(self, statement: str) -> list[Any]:
        with self.database.write() as connection:
            result = connection.exec_driver_sql(statement)
            return list(result.all()) if result.returns_rows else []

    def forget_deaths(self) -> None:
        """What is done about an event that kills whoever applies it is another matter than surviving a crash."""
        if "deaths" in generations.c:
            self.sql("UPDATE generations SET deaths = NULL")

    def states(self) -> dict[int, str]:
        return {each.number: each.state.value for each in self.projections.generations("members")}

    def tables(self) -> set[str]:
        """The physical tables of the read model."""
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if self.database.dialect == "postgresql":
            names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return {name for (name,) in self.sql(names) if name.startswith("members__g")}

    def populate(self, count: int = 200) -> None:
        """Each member borrows one book."""
        append(self.events, *(joined(f"m{n:04}", f"Name {n}") for n in range(count)))
        append(self.events, *(borrowed(f"m{n:04}", fee="0.50") for n in range(count)))
        self.move()


class Fussy(Members):
    """Does not get on with one book."""

    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        if event.book == "Ulysses":
            raise ValueError("nobody finishes it")
        row.loans += 1
        row.owed += event.fee


class Generous(Members):
    """The same with another logic: nobody owes anything."""

    @on(BookBorrowed, key="member_id")
    def borrowed(row: Any, event: BookBorrowed) -> None:
        row.loans += 1


def wider() -> type[Projection]:
    """The same with a column more."""
    table = members.to_metadata(sa.MetaData())
    table.append_column(sa.Column("rank", sa.BigInteger, nullable=False, default=7))
    return type("Wider", (Members,), {"table": table})
