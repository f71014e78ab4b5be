"""Who holds the order of the log on PostgreSQL: what an operator needs to find the one slow append."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from cqrs.store.ordering import HOLDS_THE_ORDER, SafeHead

# pg_stat_activity hides state and start of other users' sessions from a plain role, but never pid and application.
_HOLDERS = f"""
SELECT l.virtualtransaction, l.pid, a.application_name, a.usename, a.state, p.gid,
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared))
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
    LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
        AND x.locktype = 'transactionid' AND x.mode = 'ExclusiveLock'
    LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
WHERE {HOLDS_THE_ORDER} ORDER BY 7 DESC NULLS LAST, 1"""

_BEHIND = """
SELECT (SELECT coalesce(max(position), 0) FROM events),
    (SELECT count(*) FROM (SELECT FROM events WHERE position > %(safe)s ORDER BY position LIMIT %(cap)s) AS waiting)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An open transaction that has appended. `pid` is None and `prepared` its name for a prepared one; `state` and
    `age_seconds` are None where our role may not see them."""

    transaction: str
    pid: int | None
    application: str | None
    user: str | None
    state: str | None
    prepared: str | None
    age_seconds: float | None

    @property
    def name(self) -> str:
        return f"pid {self.pid}" if self.pid is not None else f"prepared transaction {self.prepared}"

    @property
    def remedy(self) -> str:
        """The statement that ends this transaction by force; the append in it is then rolled back."""
        if self.pid is not None:
            return f"SELECT pg_terminate_backend({self.pid})"
        name = (self.prepared or "").replace("'", "''")
        return f"ROLLBACK PREPARED '{name}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """Where the log stands: `head` is the last visible position, `safe_head` the last one that readers may pass.

    `waiting` counts the visible events beyond the safe head, at most `WAITING_CAP`; `dead` the positions that belong
    to no event; `holders` the transactions the order waits for, oldest first.
    """

    head: int
    safe_head: int
    waiting: int
    dead: int
    held_seconds: float
    holders: tuple[Holder, ...]

    @property
    def capped(self) -> bool:
        """Whether more events wait than anybody counted."""
        return self.waiting >= WAITING_CAP

    @property
    def held_back(self) -> bool:
        """Whether readers have waited for longer than any append should take: whoever looks for the first time goes
        by how long the transactions have been open."""
        if not self.waiting or not self.holders:
            return False
        return max(self.held_seconds, *(each.age_seconds or 0.0 for each in self.holders)) > PATIENCE_SECONDS

    @property
    def sentence(self) -> str | None:
        """One sentence for the operator when something holds the order; None otherwise."""
        if not self.waiting or not self.holders:
            return None
        oldest, more = self.holders[0], len(self.holders) - 1
        who = oldest.name
        if oldest.application:
            who += f", {oldest.application}"
        if oldest.state:
            who += f", {oldest.state}"
        age = "" if oldest.age_seconds is None else f" open for {oldest.age_seconds:.0f} s"
        others = f" and {more} more" if more else ""
        waiting = f"{self.waiting:,} {'event waits' if self.waiting == 1 else 'events wait'} behind it"
        return f"An append{age} ({who}){others} holds the order at {self.safe_head:,}; {waiting}."


WAITING_CAP = 10_000
#: Nobody need hear of an append that holds the order for less.
PATIENCE_SECONDS = 1.0


def report_order(engine: sa.Engine, tracker: SafeHead) -> OrderReport:
    """Advance the tracker, then tell where the log stands and, when events wait, for whom."""
    safe = tracker.advance()
    waiting_for, seconds = tracker.waiting_for()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver: Any = connection.connection.driver_connection
        head, waiting = driver.execute(_BEHIND, {"safe": safe, "cap": WAITING_CAP}).fetchone()
        held = holders_of(driver) if waiting else []
    holders = tuple(each for each in held if each.transaction in waiting_for or each.pid is None)
    return OrderReport(
        head=head, safe_head=safe, waiting=waiting, dead=tracker.dead, held_seconds=seconds, holders=holders
    )


def holders_of(driver: Any) -> list[Holder]:
    """All open transactions that have appended, oldest first, whether anything waits for them or not."""
    return [_holder(row) for row in driver.execute(_HOLDERS).fetchall()]


def _holder(row: tuple[Any, ...]) -> Holder:
    transaction, pid, application, user, state, prepared, age = row
    seconds = None if age is None else float(age)
    return Holder(
        transaction=transaction,
        pid=pid,
        application=application or None,
        user=user,
        state=state,
        prepared=prepared,
        age_seconds=seconds,
    )
