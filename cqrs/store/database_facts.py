"""What a database is, as an operator asks for it: kind, version, size, and how far its tables are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from cqrs.errors import CqrsError
from cqrs.store.database import Database
from cqrs.store.schema import Chain, revisions
from cqrs.store.table_sizes import Part, table_sizes

KINDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

_VERSION = {"sqlite": "SELECT sqlite_version()", "postgresql": "SHOW server_version"}
_SIZE = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True, slots=True)
class Revision:
    """The newest revision the tables went through, None without any; and the one this program expects."""

    chain: str
    found: str | None
    expected: str

    @property
    def fits(self) -> bool:
        return self.found == self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """`name` holds no password. With an `error`, a sentence, the database could not be read and the rest is unknown."""

    role: str
    name: str
    kind: str
    version: str | None = None
    #: Bytes of the whole database, and of the disk under it that are free; None where nobody can tell.
    size: int | None = None
    free: int | None = None
    revisions: Sequence[Revision] = ()
    #: What takes the room; none where nobody can tell in a moment.
    parts: Sequence[Part] = ()
    #: Of this process: how many are used just now, and how many are open.
    connections_used: int = 0
    connections_open: int = 0
    error: str | None = None


def database_facts(database: Database, role: str, chains: Sequence[tuple[str, Chain]]) -> DatabaseFacts:
    kind = KINDS[database.dialect]
    used, opened = database.connections()
    try:
        with database.read() as connection:
            version = str(connection.exec_driver_sql(_VERSION[database.dialect]).scalar_one())
            size = int(connection.exec_driver_sql(_SIZE[database.dialect]).scalar_one())
        found = [Revision(name, *revisions(database, chain)) for name, chain in chains]
        parts = table_sizes(database, size)
    except CqrsError as error:
        return DatabaseFacts(role=role, name=database.name, kind=kind, error=str(error))
    return DatabaseFacts(
        role=role,
        name=database.name,
        kind=kind,
        version=version.partition(" ")[0],
        size=size,
        free=None if database.path is None else shutil.disk_usage(database.path.parent).free,
        revisions=found,
        parts=parts,
        connections_used=used,
        connections_open=opened,
    )
