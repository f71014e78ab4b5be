"""Appending to and reading from the log on SQLite, by the statements that measured best.

The driver gives up Python's lock at every row it inserts one by one or fetches. Beside a busy thread each of these
moments costs up to the switch interval: a page of 5,000 rows took 2 s instead of 7 ms. So many rows go into one
statement, and many rows come out as a single one: each column as one JSON array.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from cqrs.errors import UnstorableEvent
from cqrs.store import drafts, sqlite
from cqrs.store.database import Database, driver_of
from cqrs.store.drafts import Draft
from cqrs.store.event_store import RawEvent
from cqrs.store.instants import to_text
from cqrs.store.records import ExpectedVersion, RecordedEvent
from cqrs.store.tables import CATEGORY

EVENT_COLUMNS = RecordedEvent._fields
_ROWS_A_STATEMENT = 500
_INTEGERS = {"position", "version", "schema_version", "last_position", "met"}
#: Columns whose text is JSON already: they can be handed on without being quoted and read again.
_JSON = {"data", "metadata"}

#: From this part on, it is cheaper to pass over the other types than to look up each event through the index.
_DENSE = 1 / 4
_MOST_MERGED = 16


class SqliteLog:
    """The log on SQLite; see Log."""

    join_in_order = "CROSS JOIN"
    like = "LIKE"
    category = CATEGORY
    size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"

    def run(self, expression: str, name: str, column: str, direction: str) -> tuple[str, str]:
        bounds = f"{column} > :after AND {column} <= :until"
        return f"{expression} = :{name} AND {bounds}", f"ORDER BY {column} {direction}"

    def arm(self, select: str, order: str) -> str:
        return select

    def moment(self, value: datetime) -> str:
        return to_text(value)

    def append_alone(self, database: Database, expected: ExpectedVersion, rows: Sequence[Draft]) -> list[int] | None:
        """Nothing to gain: there is no way to the server to save."""
        return None

    def queue_up(self, connection: sa.Connection, streams: Iterable[str]) -> None:
        """Nothing to wait for: there is one writer at a time."""

    def be_alone(self, connection: sa.Connection) -> int:
        """Nothing to wait for here either."""
        return self.next_position(connection)

    def next_position(self, connection: sa.Connection) -> int:
        found = driver_of(connection).execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return 1 if found is None else int(found[0]) + 1

    def insert(self, connection: sa.Connection, rows: Sequence[Draft]) -> list[int]:
        """Returns the positions. Raises UnstorableEvent for an event id that is in the log already."""
        driver, texts = driver_of(connection), _Texts()
        positions: list[int] = []
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            chunk = rows[start : start + _ROWS_A_STATEMENT]
            values = itertools.chain.from_iterable((*row[:-1], texts[row[-1]]) for row in chunk)
            last = self._execute(driver, chunk, tuple(values))
            # The only writer, and AUTOINCREMENT: the rows of one statement have consecutive positions.
            positions += range(last - len(chunk) + 1, last + 1)
        return positions

    @staticmethod
    def _execute(driver: Any, chunk: Sequence[Draft], values: tuple[Any, ...]) -> int:
        try:
            last: int = driver.execute(_insert(len(chunk)), values).lastrowid
        except sqlite3.IntegrityError as error:
            why = "its event id is already in the log"
            raise UnstorableEvent(type=chunk[0][2], stream=chunk[0][0], why=why) from error
        except (UnicodeEncodeError, OverflowError) as error:
            why = "a value of it is no valid text or number"
            raise UnstorableEvent(type=chunk[0][2], stream=chunk[0][0], why=why) from error
        return last

    def scalar(self, connection: sa.Connection, select: str, values: Mapping[str, Any]) -> Any:
        """The single value a query answers; None without a row."""
        row = driver_of(connection).execute(select, values).fetchone()
        return None if row is None else row[0]

    def fetch(
        self, connection: sa.Connection, select: str, values: Mapping[str, Any], columns: Sequence[str] = EVENT_COLUMNS
    ) -> list[tuple[Any, ...]]:
        """All rows of a query that names `columns`, has an order and a LIMIT (else SQLite may drop the order)."""
        return _fetch(driver_of(connection), select, values, tuple(columns), raw=False)

    def raw_events(
        self,
        connection: sa.Connection,
        after: int,
        until: int,
        types: Sequence[str],
        limit: int,
        columns: Sequence[str],
    ) -> list[RawEvent]:
        driver = driver_of(connection)
        values = {"after": after, "until": until, "limit": limit, **{f"type{n}": name for n, name in enumerate(types)}}
        merged = 1 <= len(types) <= _MOST_MERGED and self._is_sparse(driver, values, len(types))
        return _fetch_raw(driver, _raw_select(tuple(columns), len(types), merged), values, tuple(columns))

    def raw_at(self, connection: sa.Connection, positions: Sequence[int], columns: Sequence[str]) -> list[RawEvent]:
        values = {"positions": msgspec.json.encode(sorted(set(positions))).decode()}
        # In the order of the array: a CROSS JOIN is not turned round, so nothing need be sorted.
        among = "(SELECT value AS wanted FROM json_each(:positions))"
        select = f"SELECT {', '.join(columns)} FROM {among} CROSS JOIN events WHERE position = wanted"
        return _fetch_raw(driver_of(connection), select, values, tuple(columns))

    @staticmethod
    def _is_sparse(driver: Any, values: Mapping[str, Any], types: int) -> bool:
        """Whether few of the next events are of these types; short ways are simply walked."""
        ahead = min(values["until"] - values["after"], values["limit"])
        if ahead < values["limit"]:
            return False
        query = (
            f"SELECT count(*) FROM events WHERE type IN ({_names(types)}) AND position > :after AND position <= :ahead"
        )
        found = driver.execute(query, {**values, "ahead": values["after"] + ahead}).fetchone()[0]
        return bool(found < ahead * _DENSE)

    def taken_columns(self, error: BaseException | None) -> frozenset[str]:
        return sqlite.taken_columns(error)


class _Texts(dict[datetime, str]):
    """Each moment as text, made once: the events of a command mostly share theirs."""

    def __missing__(self, moment: datetime) -> str:
        text = self[moment] = to_text(moment)
        return text


@functools.cache
def _insert(rows: int) -> str:
    row = f"({', '.join('?' * len(drafts.COLUMNS))})"
    return f"INSERT INTO events ({', '.join(drafts.COLUMNS)}) VALUES {', '.join([row] * rows)}"


def _names(types: int) -> str:
    return ", ".join(f":type{n}" for n in range(types))


@functools.cache
def _raw_select(columns: tuple[str, ...], types: int, merged: bool) -> str:
    bounds = "position > :after AND position <= :until"
    wanted = ", ".join(columns)
    if not merged:
        only = f" AND +type IN ({_names(types)})" if types else ""
        return f"SELECT {wanted} FROM events WHERE {bounds}{only} ORDER BY position LIMIT :limit"
    arms = " UNION ALL ".join(f"SELECT position FROM events WHERE type = :type{n} AND {bounds}" for n in range(types))
    found = f"SELECT position AS found FROM ({arms} ORDER BY position LIMIT :limit)"
    return f"SELECT {wanted} FROM ({found}) CROSS JOIN events WHERE position = found ORDER BY position LIMIT :limit"


def _fetch_raw(driver: Any, select: str, values: Mapping[str, Any], columns: tuple[str, ...]) -> list[RawEvent]:
    try:
        return _fetch(driver, select, values, columns, raw=True)
    except msgspec.DecodeError:  # a foreign row whose data are not JSON: it must not hide the others
        return _fetch(driver, select, values, columns, raw=False)


def _fetch(
    driver: Any, select: str, values: Mapping[str, Any], columns: tuple[str, ...], *, raw: bool
) -> list[tuple[Any, ...]]:
    arrays, decoders = _arrays(columns, raw)
    try:
        texts = driver.execute(f"SELECT {arrays} FROM ({select})", values).fetchone()
    except sqlite3.DataError:  # more text than SQLite puts into one value
        rows: list[tuple[Any, ...]] = driver.execute(select, values).fetchall()
        return rows
    return list(zip(*(decode(text) for decode, text in zip(decoders, texts, strict=True)), strict=True))


@functools.cache
def _arrays(columns: tuple[str, ...], raw: bool) -> tuple[str, tuple[Any, ...]]:
    """What to select so that each column is one JSON array, and what reads each of them."""
    arrays, decoders = [], []
    for column in columns:
        as_is = raw and column in _JSON
        arrays.append(f"'[' || coalesce(group_concat({column}), '') || ']'" if as_is else f"json_group_array({column})")
        kind: Any = msgspec.Raw if as_is else int if column in _INTEGERS else str | None
        decoders.append(msgspec.json.Decoder(list[kind]).decode)
    return ", ".join(arrays), tuple(decoders)
