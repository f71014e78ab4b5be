"""Appending to and reading from the log on PostgreSQL, by the statements that measured best."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import msgspec
import sqlalchemy as sa

from cqrs.errors import UnstorableEvent
from cqrs.store import drafts
from cqrs.store.database import Database, driver_of
from cqrs.store.drafts import Draft
from cqrs.store.event_store import RawEvent
from cqrs.store.log import EVENT_COLUMNS, StreamMoved
from cqrs.store.ordering import EXCLUSIVE_LOCK, SHARED_LOCK
from cqrs.store.records import Expected, ExpectedVersion
from cqrs.store.tables import CATEGORY_ON_POSTGRES

LAST_VERSION = 2**63 - 1

_TYPES = {"version": "bigint", "schema_version": "integer", "recorded_at": "timestamptz"}
_LIST = ", ".join(drafts.COLUMNS)
_RECORD = ", ".join(f"{column} {_TYPES.get(column, 'text')}" for column in drafts.COLUMNS)
_CONTINUED = ", ".join("head.version + e.n + 1" if column == "version" else f"e.{column}" for column in drafts.COLUMNS)

# The lock comes first because the plan draws positions above the scan of `ordered`. All events travel in one JSON
# parameter: as fast as pipelined inserts, in one round trip, and the positions come back. COPY with positions drawn
# beforehand is nearly twice as fast for a thousand events, but a third slower for one and for ten.
APPEND = f"""
WITH ordered AS MATERIALIZED (SELECT {SHARED_LOCK})
INSERT INTO events ({_LIST}) SELECT {", ".join(f"e.{column}" for column in drafts.COLUMNS)}
FROM ordered, json_to_recordset(%s::json) AS e(n integer, {_RECORD}) ORDER BY e.n
RETURNING position"""

# The same for a single stream whose version is checked and continued on the way: a transaction in one round trip.
APPEND_ALONE = f"""
WITH ordered AS MATERIALIZED (SELECT {SHARED_LOCK}),
    head AS MATERIALIZED (SELECT coalesce(max(version), 0) AS version FROM events WHERE stream = %(stream)s)
INSERT INTO events ({_LIST}) SELECT {_CONTINUED}
FROM ordered, head, json_to_recordset(%(rows)s::json) AS e(n integer, {_RECORD})
WHERE head.version BETWEEN %(lowest)s AND %(highest)s ORDER BY e.n
RETURNING position, version"""

# And for a single event, which most appends are: without the detour through JSON it takes a quarter less.
_VALUES = ", ".join(
    "head.version + 1" if column == "version" else f"%({column})s::{_TYPES.get(column, 'text')}"
    for column in drafts.COLUMNS
)
APPEND_ONE = f"""
WITH ordered AS MATERIALIZED (SELECT {SHARED_LOCK}),
    head AS MATERIALIZED (SELECT coalesce(max(version), 0) AS version FROM events WHERE stream = %(stream)s)
INSERT INTO events ({_LIST}) SELECT {_VALUES}
FROM ordered, head WHERE head.version BETWEEN %(lowest)s AND %(highest)s
RETURNING position, version"""

# What the sequence gives next is not part of any snapshot; behind the exclusive lock nobody else takes it.
_NEXT = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('events', 'position')::regclass), 0) + 1"
_ALONE = f"WITH alone AS MATERIALIZED (SELECT {EXCLUSIVE_LOCK}) {_NEXT} FROM alone"

# A lock of one 64-bit number never meets those of two halves that order logs.
_QUEUE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

_NAMED = re.compile(r"(?<![:\w]):([a-z]\w*)")
_MOMENT = """to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_UNIQUE_VIOLATION = "23505"
# In every language of the server the detail of the error has this form: Key (stream, version)=(order-1, 2) exists.
_KEY = re.compile(r"\(([^()]*)\)=\(")


class PostgresLog:
    """The log on PostgreSQL; see Log."""

    join_in_order = "JOIN"
    like = "ILIKE"
    category = CATEGORY_ON_POSTGRES
    size = "SELECT pg_database_size(current_database())"

    def run(self, expression: str, name: str, column: str, direction: str) -> tuple[str, str]:
        """As a range of pairs: with `type = 'A'` the planner may walk the whole log instead, in the hope of meeting
        soon what its statistics call common, though the last of it may be a million events ago."""
        pair = f"({expression}, {column})"
        condition = f"{pair} > (:{name}, :after) AND {pair} <= (:{name}, :until)"
        return condition, f"ORDER BY {expression} {direction}, {column} {direction}"

    def arm(self, select: str, order: str) -> str:
        return f"SELECT position FROM ({select} {order}) AS arm"

    def moment(self, value: datetime) -> datetime:
        return value

    def append_alone(self, database: Database, expected: ExpectedVersion, rows: Sequence[Draft]) -> list[int] | None:
        if database.is_relaxed:
            return None
        lowest, highest = _bounds(expected)
        bounds = {"lowest": lowest, "highest": highest}
        if len(rows) == 1:
            statement, values = APPEND_ONE, {**dict(zip(drafts.COLUMNS, rows[0], strict=True)), **bounds}
        else:
            statement, values = APPEND_ALONE, {"stream": rows[0][0], "rows": _encode(rows), **bounds}
        with database.alone() as driver:
            try:
                appended = driver.execute(statement, values, prepare=True).fetchall()
            except database.engine.dialect.loaded_dbapi.IntegrityError as error:
                self._explain(error, rows)
            except database.engine.dialect.loaded_dbapi.DataError as error:
                raise _unstorable(rows, "a value of it is no valid text or number") from error
        for row, (_, version) in zip(rows, appended, strict=False):  # all of them or none
            row[drafts.VERSION] = version
        return [position for position, _ in appended] or None

    def queue_up(self, connection: sa.Connection, streams: Iterable[str]) -> None:
        for stream in sorted(streams):
            driver_of(connection).execute(_QUEUE, (stream,), prepare=True)

    def be_alone(self, connection: sa.Connection) -> int:
        return int(driver_of(connection).execute(_ALONE, prepare=True).fetchone()[0])

    def next_position(self, connection: sa.Connection) -> int:
        return int(driver_of(connection).execute(_NEXT, prepare=True).fetchone()[0])

    def insert(self, connection: sa.Connection, rows: Sequence[Draft]) -> list[int]:
        """Takes the lock that orders the log, and draws the positions under it."""
        if not rows:
            return []
        driver = driver_of(connection)
        try:
            return [position for (position,) in driver.execute(APPEND, (_encode(rows),), prepare=True).fetchall()]
        except connection.dialect.loaded_dbapi.IntegrityError as error:
            self._explain(error, rows)
        except connection.dialect.loaded_dbapi.DataError as error:
            raise _unstorable(rows, "a value of it is no valid text or number") from error

    def _explain(self, error: Exception, rows: Sequence[Draft]) -> NoReturn:
        if "stream" in self.taken_columns(error):
            raise StreamMoved from error
        raise _unstorable(rows, "its event id is already in the log") from error

    def scalar(self, connection: sa.Connection, select: str, values: Mapping[str, Any]) -> Any:
        """Prepared: these queries are few, run often, and have one good plan whatever the values are."""
        row = driver_of(connection).execute(_placeholders(select), values, prepare=True).fetchone()
        return None if row is None else row[0]

    def fetch(
        self, connection: sa.Connection, select: str, values: Mapping[str, Any], columns: Sequence[str] = EVENT_COLUMNS
    ) -> list[tuple[Any, ...]]:
        """Planned anew for its values: for a rare type another index is right than for a common one."""
        cursor = driver_of(connection).cursor()
        cursor.adapters.register_loader("timestamptz", _text_loader())
        rows: list[tuple[Any, ...]] = cursor.execute(_placeholders(select), values).fetchall()
        return rows

    def raw_events(
        self,
        connection: sa.Connection,
        after: int,
        until: int,
        types: Sequence[str],
        limit: int,
        columns: Sequence[str],
    ) -> list[RawEvent]:
        values = {"after": after, "until": until, "types": list(types), "limit": limit}
        select = _raw_select(tuple(columns), bool(types))
        rows: list[RawEvent] = driver_of(connection).execute(select, values).fetchall()
        return rows

    def raw_at(self, connection: sa.Connection, positions: Sequence[int], columns: Sequence[str]) -> list[RawEvent]:
        # As one text: the driver takes a list apart number by number, which costs as much as reading the events.
        wanted = f"{{{','.join(map(str, positions))}}}"
        rows: list[RawEvent] = driver_of(connection).execute(_raw_select_at(tuple(columns)), (wanted,)).fetchall()
        return rows

    def taken_columns(self, error: BaseException | None) -> frozenset[str]:
        if getattr(error, "sqlstate", None) != _UNIQUE_VIOLATION:
            return frozenset()
        diagnosis: Any = error
        found = _KEY.search(diagnosis.diag.message_detail or "")
        return frozenset(column.strip(' "') for column in found[1].split(",")) if found else frozenset()


def _bounds(expected: ExpectedVersion) -> tuple[int, int]:
    """The versions that meet an expectation, from the first to the last."""
    match expected:
        case Expected.ANY:
            return 0, LAST_VERSION
        case Expected.EXISTS:
            return 1, LAST_VERSION
        case Expected.NO_STREAM:
            return 0, 0
        case version:
            return version, version


def _encode(rows: Sequence[Draft]) -> str:
    records = [{"n": n, **dict(zip(drafts.COLUMNS, row, strict=True))} for n, row in enumerate(rows)]
    return msgspec.json.encode(records).decode()


def _unstorable(rows: Sequence[Draft], why: str) -> UnstorableEvent:
    return UnstorableEvent(type=rows[0][2], stream=rows[0][0], why=why)


@functools.cache
def _text_loader() -> Any:
    from psycopg.types.string import TextLoader

    return TextLoader


@functools.lru_cache(512)
def _placeholders(select: str) -> str:
    """`:name`, as our queries are written, to the driver's `%(name)s`."""
    return _NAMED.sub(r"%(\1)s", select.replace("%", "%%"))


@functools.cache
def _raw_select_at(columns: tuple[str, ...]) -> str:
    return f"SELECT {_wanted(columns)} FROM events WHERE position = ANY(%s::bigint[]) ORDER BY position"


def _wanted(columns: tuple[str, ...]) -> str:
    return ", ".join(_MOMENT if column == "recorded_at" else column for column in columns)


@functools.cache
def _raw_select(columns: tuple[str, ...], typed: bool) -> str:
    wanted = _wanted(columns)
    only = " AND type = ANY(%(types)s)" if typed else ""
    bounds = "position > %(after)s AND position <= %(until)s"
    return f"SELECT {wanted} FROM events WHERE {bounds}{only} ORDER BY position LIMIT %(limit)s"
