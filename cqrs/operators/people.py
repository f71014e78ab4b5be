"""People and the single-use links they sign in with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from cqrs.errors import AlreadyThere, NotFound, PersonDisabled
from cqrs.messages import Role
from cqrs.operators import tables
from cqrs.operators.credential import digest, new_credential
from cqrs.operators.principal import check_name
from cqrs.store.database import Database
from cqrs.store.upsert import insert_new, upsert

LINK_LIFE = timedelta(minutes=15)
#: Who the link printed at the start of a console on a loopback address signs in as.
BUILT_IN = "local"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    role: Role
    created_at: datetime
    created_by: str
    disabled_at: datetime | None
    built_in: bool


class People:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role, *, by: str) -> Person:
        """A disabled person of that name comes back with the new role. Raises AlreadyThere, InvalidName."""
        check_name(name)
        people, tokens = tables.people, tables.tokens
        with self._database.write() as connection:
            if connection.scalar(sa.select(tokens.c.name).where(tokens.c.name == name).limit(1)):
                raise AlreadyThere(what="token", name=name)
            row = _row(name, role, by, self._database.now(connection))
            disabled = people.c.disabled_at.is_not(None)
            if connection.execute(upsert(self._database.dialect, people, row, where=disabled)).rowcount != 1:
                raise AlreadyThere(what="person", name=name)
            return _get(connection, name)

    def ensure_built_in(self) -> Person:
        """The admin of a console that only its own machine can reach."""
        with self._database.write() as connection:
            row = _row(BUILT_IN, Role.ADMIN, "system", self._database.now(connection), built_in=True)
            connection.execute(insert_new(self._database.dialect, tables.people, row))
            return _get(connection, BUILT_IN)

    def link(self, name: str, *, by: str, ttl: timedelta = LINK_LIFE) -> str:
        """The token of a link that signs in once. Raises NotFound, PersonDisabled."""
        token = new_credential()
        with self._database.write() as connection:
            if _get(connection, name).disabled_at is not None:
                raise PersonDisabled(name=name)
            now = self._database.now(connection)
            connection.execute(
                tables.sign_in_links.insert().values(
                    digest=digest(token), person=name, created_at=now, created_by=by, expires_at=now + ttl
                )
            )
        return token

    def redeem(self, token: str) -> Person | None:
        """Whoever the link is for, the first time only; None when it is unknown, used, expired, or they are disabled.

        One UPDATE decides, so that of two redemptions at once a single one succeeds.
        """
        links = tables.sign_in_links
        with self._database.write() as connection:
            now = self._database.now(connection)
            used = connection.execute(
                links.update()
                .where(links.c.digest == digest(token), links.c.used_at.is_(None), links.c.expires_at > now)
                .values(used_at=now)
            )
            if used.rowcount != 1:
                return None
            name = connection.scalar(sa.select(links.c.person).where(links.c.digest == digest(token)))
            person = _get(connection, str(name))
            return person if person.disabled_at is None else None

    def list(self) -> Sequence[Person]:
        with self._database.read() as connection:
            rows = connection.execute(_select().order_by(tables.people.c.name).limit(1000))
            return [_person(row) for row in rows]

    def get(self, name: str) -> Person | None:
        with self._database.read() as connection:
            return _find(connection, name)

    def disable(self, name: str, *, by: str) -> None:
        """Ends their sessions and links in the same transaction. Raises NotFound."""
        people, links = tables.people, tables.sign_in_links
        with self._database.write() as connection:
            _get(connection, name)
            now = self._database.now(connection)
            connection.execute(
                people.update()
                .where(people.c.name == name, people.c.disabled_at.is_(None))
                .values(disabled_at=now, disabled_by=by)
            )
            connection.execute(tables.sessions.delete().where(tables.sessions.c.person == name))
            connection.execute(links.delete().where(links.c.person == name, links.c.used_at.is_(None)))

    def any(self) -> bool:
        """Whether anyone was set up who can sign in from elsewhere; the built-in admin does not count."""
        people = tables.people
        found = sa.select(people.c.name).where(people.c.disabled_at.is_(None), people.c.built_in.is_(sa.false()))
        with self._database.read() as connection:
            return connection.scalar(found.limit(1)) is not None

    def prune(self) -> int:
        """Forget links that expired a day ago."""
        links = tables.sign_in_links
        with self._database.write(durable=False) as connection:
            old = self._database.now(connection) - timedelta(days=1)
            return connection.execute(links.delete().where(links.c.expires_at < old)).rowcount


def _select() -> sa.Select[tuple[str, str, datetime, str, datetime | None, bool]]:
    columns = tables.people.c
    return sa.select(
        columns.name, columns.role, columns.created_at, columns.created_by, columns.disabled_at, columns.built_in
    )


def _person(row: sa.Row[tuple[str, str, datetime, str, datetime | None, bool]]) -> Person:
    return Person(row.name, Role(row.role), row.created_at, row.created_by, row.disabled_at, row.built_in)


def _find(connection: sa.Connection, name: str) -> Person | None:
    row = connection.execute(_select().where(tables.people.c.name == name)).one_or_none()
    return _person(row) if row else None


def _get(connection: sa.Connection, name: str) -> Person:
    person = _find(connection, name)
    if person is None:
        raise NotFound(what="person", name=name)
    return person


def _row(name: str, role: Role, by: str, now: datetime, *, built_in: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "role": role.value,
        "built_in": built_in,
        "created_at": now,
        "created_by": by,
        "disabled_at": None,
        "disabled_by": None,
    }
