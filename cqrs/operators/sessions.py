"""Signed-in browsers. The cookie holds the id; the database holds its digest, so a copy of it signs nobody in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from cqrs.messages import Role
from cqrs.operators import tables
from cqrs.operators.credential import digest, new_credential
from cqrs.operators.people import Person
from cqrs.store.database import Database
from cqrs.store.database_time import database_now
from cqrs.store.question import Question

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
#: A session seen within this time is not written again: a click a second must not be a commit a second.
TOUCH_AFTER = timedelta(seconds=60)
LONGEST_AGENT = 300

_FIND = Question(
    sa.select(tables.sessions, tables.people.c.role, database_now().label("now"))
    .join(tables.people, tables.people.c.name == tables.sessions.c.person)
    .where(tables.sessions.c.digest == sa.bindparam("sought"), tables.people.c.disabled_at.is_(None))
)


@dataclass(frozen=True, slots=True)
class Session:
    """The role is that of the person now, not at sign-in."""

    id: str
    csrf: str
    person: str
    role: Role
    address: str
    started_at: datetime
    seen_at: datetime


class Sessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, person: Person, *, address: str, agent: str) -> Session:
        """Every sign-in is a new session with a new id."""
        session_id, csrf = new_credential(), new_credential()
        with self._database.write() as connection:
            now = self._database.now(connection)
            connection.execute(
                tables.sessions.insert().values(
                    digest=digest(session_id),
                    person=person.name,
                    csrf=csrf,
                    address=address,
                    agent=agent[:LONGEST_AGENT],
                    started_at=now,
                    seen_at=now,
                )
            )
        return Session(session_id, csrf, person.name, person.role, address, now, now)

    def read(self, session_id: str) -> Session | None:
        """None when it is unknown or ended, idle for 30 minutes, 12 hours old, or its person is disabled."""
        found = self._find(session_id)
        return found and found[0]

    def resume(self, session_id: str) -> Session | None:
        """As `read`, for when a person did something: the idle time starts anew. Writes at most once a minute."""
        session, now = self._find(session_id) or (None, None)
        if session is not None and now is not None and session.seen_at < now - TOUCH_AFTER:
            self._touch(session_id)
        return session

    def _find(self, session_id: str) -> tuple[Session, datetime] | None:
        """With the time by the clock of the database: one statement, because every request asks."""
        row = next(iter(self._database.ask(_FIND, sought=digest(session_id))), None)
        if row is None or row.seen_at <= row.now - IDLE or row.started_at <= row.now - LONGEST:
            return None
        role = Role(row.role)
        return Session(session_id, row.csrf, row.person, role, row.address, row.started_at, row.seen_at), row.now

    def _touch(self, session_id: str) -> None:
        sessions = tables.sessions
        mine = sessions.c.digest == digest(session_id)
        with self._database.write(durable=False) as connection:
            now = self._database.now(connection)
            connection.execute(sessions.update().where(mine, sessions.c.seen_at > now - IDLE).values(seen_at=now))

    def end(self, session_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(tables.sessions.delete().where(tables.sessions.c.digest == digest(session_id)))

    def end_all(self, person: str) -> int:
        """How many sessions of the person were ended."""
        with self._database.write() as connection:
            return connection.execute(tables.sessions.delete().where(tables.sessions.c.person == person)).rowcount

    def prune(self) -> int:
        sessions = tables.sessions
        with self._database.write(durable=False) as connection:
            now = self._database.now(connection)
            over = sa.or_(sessions.c.seen_at <= now - IDLE, sessions.c.started_at <= now - LONGEST)
            return connection.execute(sessions.delete().where(over)).rowcount
