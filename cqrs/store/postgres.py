"""Connections to PostgreSQL: what we set on each of them, and what its errors mean to a user."""

from __future__ import annotations

import sys
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from cqrs.errors import CqrsError, DatabaseBusy, DatabaseUnavailable, DiskFull, TransactionClash, UnsupportedDatabase

SCHEMES = ("postgres", "postgresql", "postgresql+psycopg")

# On our own connections only. A statement that runs longer than a minute asks for more time itself (migrations do);
# a transaction left open holds the order of the log and vacuum, so it is ended.
_SESSION = {
    "timezone": "UTC",
    "lock_timeout": "5s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "client_min_messages": "warning",
    "synchronous_commit": "on",
}
# A silent network is noticed after about 15 s instead of the two hours that TCP waits by itself.
_NETWORK = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}
_PING_AFTER_IDLE_SECONDS = 5.0


def is_postgres(url: str) -> bool:
    return url.partition("://")[0] in SCHEMES


def parse_url(url: str) -> sa.URL:
    """The address with our driver. Raises UnsupportedDatabase for what cannot be an address; it repeats no password."""
    try:
        return sa.make_url(url).set(drivername="postgresql+psycopg")
    except (sa.exc.ArgumentError, ValueError):
        why = "it does not have the form postgresql://user:password@host:port/database"
        raise UnsupportedDatabase(url=url.partition("://")[0] + "://…", why=why) from None


def create_engine(url: str, *, application: str = "projectionist") -> sa.Engine:
    """An engine that connects at its first use. Parameters in `url` win over ours. Raises UnsupportedDatabase."""
    address = parse_url(url)
    try:
        engine = sa.create_engine(
            address,
            connect_args=_connect_arguments(address, application),
            pool_size=5,
            max_overflow=15,
            pool_timeout=10,
            pool_recycle=1800,
            pool_use_lifo=True,  # the connection used last has the plans that are kept
            # The driver forgets the count of an INSERT with its cursor, which SQLAlchemy closes early.
            execution_options={"preserve_rowcount": True},
        )
    except ModuleNotFoundError:
        why = "its driver is not installed. Run: pip install 'psycopg[binary]'"
        raise UnsupportedDatabase(url=shown(address), why=why) from None
    event.listen(engine, "checkin", _remember_when)
    event.listen(engine, "checkout", _ping_after_idling)
    event.listen(engine, "do_execute", _keep_plan)
    return engine


def shown(url: sa.URL) -> str:
    """The address for eyes: no password."""
    return url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


def _connect_arguments(url: sa.URL, application: str) -> dict[str, Any]:
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    theirs = url.query.get("options")
    ours: dict[str, Any] = {"application_name": application, **_NETWORK}
    arguments = {name: value for name, value in ours.items() if name not in url.query}
    arguments["options"] = f"{options} {theirs}" if theirs else options
    # Nothing is prepared unless a call says prepare=True, or a statement KEEP_PLAN: a prepared statement gets a generic
    # plan, which for a rare value can be 10,000 times slower, and breaks when a generation changes its columns.
    arguments["prepare_threshold"] = sys.maxsize
    return arguments


def _remember_when(_connection: Any, record: Any) -> None:
    record.info["returned"] = time.monotonic()


def _ping_after_idling(connection: Any, record: Any, _proxy: Any) -> None:
    """A server that restarted, or a firewall that forgot us, costs nobody an error: the pool opens a new connection."""
    returned = record.info.get("returned")
    if returned is None or time.monotonic() - returned < _PING_AFTER_IDLE_SECONDS:
        return
    result = connection.pgconn.exec_(b"SELECT")
    if result.error_message:
        raise sa.exc.DisconnectionError(result.error_message.decode("utf-8", "replace"))


def _keep_plan(cursor: Any, statement: str, parameters: Any, context: sa.engine.ExecutionContext | None) -> bool:
    """True when it has executed the statement; otherwise SQLAlchemy does."""
    if context is None or not context.execution_options.get("keep_plan"):
        return False
    cursor.execute(statement, parameters, prepare=True)
    return True


_MEANING = {
    "53100": DiskFull,
    "55P03": DatabaseBusy,  # lock_timeout
    "57014": DatabaseBusy,  # statement_timeout
    "40001": TransactionClash,  # serialization failure
    "40P01": TransactionClash,  # deadlock
}


def meaning_of(error: BaseException, url: sa.URL) -> CqrsError | None:
    """The error to raise instead of a driver's where a user can meet it; None when the statement itself was refused.

    After DatabaseBusy nothing was written, and the same transaction may succeed later.
    """
    if isinstance(error, sa.exc.TimeoutError):
        return DatabaseUnavailable(database=shown(url), why="all connections of this process are in use")
    state = getattr(error, "sqlstate", None)
    if state in _MEANING:
        return _MEANING[state](database=shown(url))
    if type(error).__name__ == "OperationalError" or _is_connection_state(state):
        return lost(error, url)
    return None


def lost(error: BaseException, url: sa.URL) -> CqrsError:
    """The error for a connection that broke or never came about."""
    return DatabaseUnavailable(database=shown(url), why=_first_line(error))


def _is_connection_state(state: str | None) -> bool:
    """Connection exceptions (08), wrong credentials (28), no such database (3D), too many connections (53), going
    down (57P)."""
    return state is not None and (state[:2] in ("08", "28", "3D", "53") or state.startswith("57P"))


def _first_line(error: object) -> str:
    text = str(error).strip().splitlines()
    return text[0].removesuffix(".") if text else "the connection was lost"
