"""Ending by force a transaction that holds the order of the log: just that one, and only while it holds it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cqrs.errors import HolderProtected, HolderStays, OrderNotHeld
from cqrs.store.order_report import Holder, holders_of
from cqrs.store.ordering import HOLDS_THE_ORDER

#: How long a session that was told to end may take.
PATIENCE_SECONDS = 5.0

# The check and the signal are one statement: a session that has gone on to other work is left alone.
_END_SESSION = f"""
SELECT pg_terminate_backend(held.pid, %(milliseconds)s) FROM (
    SELECT DISTINCT l.pid FROM pg_locks l
    WHERE {HOLDS_THE_ORDER} AND l.virtualtransaction = %(transaction)s AND l.pid IS NOT NULL) AS held"""

_NOT_ALLOWED = "42501"
_NO_SUCH_TRANSACTION = "42704"


def end_holder(engine: sa.Engine, transaction: str) -> Holder:
    """Roll back what it did, and return who it was. `transaction` is the virtual one of a Holder.

    Raises OrderNotHeld when it has ended or never held the order, HolderProtected when our role may not do this,
    HolderStays when its session does not end in time.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        driver: Any = connection.connection.driver_connection
        holder = next((each for each in holders_of(driver) if each.transaction == transaction), None)
        if holder is None:
            raise OrderNotHeld(transaction=transaction)
        try:
            ended = _end(driver, holder)
        except connection.dialect.loaded_dbapi.Error as error:
            state = getattr(error, "sqlstate", None)
            if state == _NO_SUCH_TRANSACTION:
                raise OrderNotHeld(transaction=transaction) from error
            if state != _NOT_ALLOWED:
                raise
            role = driver.execute("SELECT current_user").fetchone()[0]
            raise HolderProtected(role=role, user=holder.user or "another role", remedy=holder.remedy) from error
    if ended is None:
        raise OrderNotHeld(transaction=transaction)
    if not ended:
        raise HolderStays(holder=holder.name, seconds=f"{PATIENCE_SECONDS:g}")
    return holder


def _end(driver: Any, holder: Holder) -> bool | None:
    """Whether it ended in time; None when it held the order no more."""
    if holder.pid is None:
        driver.execute(holder.remedy)
        return True
    values = {"transaction": holder.transaction, "milliseconds": int(PATIENCE_SECONDS * 1_000)}
    row = driver.execute(_END_SESSION, values).fetchone()
    return None if row is None else bool(row[0])
