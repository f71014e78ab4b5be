"""What takes the room in a database: the log, the generations of read models, the key index, and all the rest."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from cqrs.store.database import Database

#: In the order in which they are shown.
LOG, GENERATIONS, KEY_INDEX, REST = "log", "generations", "key index", "the rest"

#: SQLite goes through all pages to tell: about 10 ms for so many bytes.
MOST_BYTES_ON_SQLITE = 64 * 1024 * 1024

_GENERATION = re.compile(r".+__g\d+")
_PARTS = {"events": LOG, "event_keys": KEY_INDEX, "key_ids": KEY_INDEX}
_SIZES = {
    "sqlite": "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_master AS m ON m.name = d.name "
    "WHERE d.aggregate = TRUE GROUP BY m.tbl_name",
    "postgresql": "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' "
    "AND pg_table_is_visible(oid) AND relnamespace <> 'pg_catalog'::regnamespace",
}


@dataclass(frozen=True, slots=True)
class Part:
    """`bytes` with indexes."""

    name: str
    tables: int
    bytes: int


def table_sizes(database: Database, size: int) -> list[Part]:
    """Of a database of `size` bytes. None where telling takes too long, or where this SQLite cannot tell."""
    if database.dialect == "sqlite" and size > MOST_BYTES_ON_SQLITE:
        return []
    sizes, tables = Counter[str](), Counter[str]()
    with database.read() as connection:
        if database.dialect == "sqlite" and not _has_dbstat(connection):
            return []
        for name, taken in connection.exec_driver_sql(_SIZES[database.dialect]):
            part = GENERATIONS if _GENERATION.fullmatch(name) else _PARTS.get(name, REST)
            sizes[part] += int(taken or 0)
            tables[part] += 1
    return [Part(name, tables[name], sizes[name]) for name in (LOG, GENERATIONS, KEY_INDEX, REST) if name in tables]


def _has_dbstat(connection: sa.Connection) -> bool:
    """The table of sizes is left out of some builds."""
    return bool(connection.exec_driver_sql("SELECT count(*) FROM pragma_module_list WHERE name = 'dbstat'").scalar())
