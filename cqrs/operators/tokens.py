"""Bearer tokens for scripts: shown once, kept as a digest, revoked by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from cqrs.errors import AlreadyThere, NotFound
from cqrs.messages import Role
from cqrs.operators import tables
from cqrs.operators.credential import digest, new_credential
from cqrs.operators.principal import Principal, check_name
from cqrs.store.database import Database
from cqrs.store.upsert import insert_new

#: What a token starts with, so that a search for leaked secrets finds it.
PREFIX = "prj_"
NOTE_USE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    role: Role
    created_at: datetime
    created_by: str
    #: To within five minutes.
    used_at: datetime | None
    revoked_at: datetime | None


class Tokens:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role, *, by: str) -> str:
        """The token itself, which cannot be shown again. Raises AlreadyThere, InvalidName."""
        check_name(name)
        token = PREFIX + new_credential()
        tokens, people = tables.tokens, tables.people
        with self._database.write() as connection:
            if connection.scalar(sa.select(people.c.name).where(people.c.name == name)):
                raise AlreadyThere(what="person", name=name)
            row = {
                "digest": digest(token),
                "name": name,
                "role": role.value,
                "created_at": self._database.now(connection),
                "created_by": by,
            }
            if connection.execute(insert_new(self._database.dialect, tokens, row)).rowcount != 1:
                raise AlreadyThere(what="token", name=name)
        return token

    def list(self) -> Sequence[Token]:
        """Also the revoked ones, newest first."""
        columns = tables.tokens.c
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(tables.tokens).order_by(columns.created_at.desc(), columns.name).limit(1000)
            )
            return [
                Token(row.name, Role(row.role), row.created_at, row.created_by, row.used_at, row.revoked_at)
                for row in rows
            ]

    def revoke(self, name: str, *, by: str) -> None:
        """Raises NotFound when no token of that name is in force."""
        tokens = tables.tokens
        with self._database.write() as connection:
            revoked = connection.execute(
                tokens.update()
                .where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
                .values(revoked_at=self._database.now(connection), revoked_by=by)
            )
        if revoked.rowcount == 0:
            raise NotFound(what="token", name=name)

    def verify(self, text: str) -> Principal | None:
        """Whoever the token speaks for; None when it is unknown or revoked.

        Found by its digest: how long the search takes tells nothing about the token.
        """
        tokens = tables.tokens
        statement = sa.select(tokens.c.name, tokens.c.role, tokens.c.used_at)
        with self._database.read() as connection:
            row = connection.execute(
                statement.where(tokens.c.digest == digest(text), tokens.c.revoked_at.is_(None))
            ).one_or_none()
            now = self._database.now(connection)
        if row is None:
            return None
        if row.used_at is None or row.used_at < now - NOTE_USE_AFTER:
            self._note_use(text)
        return Principal(row.name, Role(row.role), "token")

    def _note_use(self, text: str) -> None:
        tokens = tables.tokens
        with self._database.write(durable=False) as connection:
            now = self._database.now(connection)
            connection.execute(tokens.update().where(tokens.c.digest == digest(text)).values(used_at=now))
