"""What one process has, without its threads: a log, read models and the projections of the library between them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.projections.engine import Sizes
from cqrs.projections.projection import Projection
from cqrs.projections.projections import Projections
from cqrs.projections.runner import Outcome, Runner
from cqrs.readmodels.sql import SqlReadModelStore
from cqrs.store.database import Database
from cqrs.store.sql import SqlEventStore
from tests.projections.library import TYPES, Members


class Desk:
    """`read` is the same database where the two are one. Several desks on one database are several processes."""

    def __init__(
        self,
        main: Database,
        read: Database,
        *,
        projections: tuple[type[Projection], ...] = (Members,),
        sizes: Sizes | None = None,
        lease_seconds: float = 15.0,
    ) -> None:
        self.main, self.read = main, read
        self.events = SqlEventStore(main)
        self.store = SqlReadModelStore(read, lease_seconds=lease_seconds)
        self.projections = Projections(projections, events=self.events, types=TYPES, store=self.store, sizes=sizes)
        self.projections.ensure()

    def rows(self, name: str = "members", generation: int | None = None) -> dict[str, tuple[int, Decimal]]:
        """Loans and fees by member, as they are stored."""
        table = name if generation is None else f"{name}__g{generation}"
        with self.read.read() as connection:
            found = connection.exec_driver_sql(f"SELECT member_id, loans, owed FROM {table}").all()
        return {member: (loans, Decimal(str(owed)).quantize(Decimal("0.01"))) for member, loans, owed in found}

    def folded(self, until: int | None = None) -> dict[str, tuple[int, Decimal]]:
        """The same, worked out from the log by other code than the program's; only of members who stay."""
        members: list[str] = []
        loans: Counter[str] = Counter()
        owed: Counter[str] = Counter()
        for event in self.events.read_all(until=until, limit=1_000_000):
            data: dict[str, Any] = msgspec.json.decode(event.data)
            if event.type == "MemberJoined":
                members.append(data["member_id"])
            elif event.type == "BookBorrowed":
                loans[data["member_id"]] += 1
                owed[data["member_id"]] += int(Decimal(data["fee"]) * 100)
        return {each: (loans[each], Decimal(owed[each]).scaleb(-2)) for each in members}

    def sql(self, statement: str) -> list[Any]:
        """In the read database."""
        with self.read.write() as connection:
            result = connection.execute(sa.text(statement))
            return list(result.all()) if result.returns_rows else []


def run_to_end(runner: Runner) -> Outcome:
    """Step until the end of the log, or until it stands still; raise what a step was refused for."""
    while True:
        outcome = runner.step()
        if outcome.error is not None:
            raise outcome.error
        if outcome.is_tail or outcome.delay:
            return outcome
