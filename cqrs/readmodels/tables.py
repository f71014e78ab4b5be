"""Our own tables in the read database: what each generation has reached, and what was set aside on the way."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.readmodels.types import UtcDateTime

read = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: Ordered by code point everywhere, as Python orders it.
KeyText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

Position = sa.BigInteger().with_variant(sa.Integer, "sqlite")

#: One row per generation of a projection: its checkpoint, its lease and what keeps it from moving, in one place, so
#: that one compare-and-swap guards them all.
generations = sa.Table(
    "generations",
    read,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False, default=0),
    sa.Column("position", sa.BigInteger, nullable=False, default=0),
    sa.Column("event_id", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("heartbeat_at", UtcDateTime),
    sa.Column("advanced_at", UtcDateTime),
    sa.Column("shape", sa.Text, nullable=False),
    sa.Column("logic", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("failure", sa.Text),
    sa.Column("paused_at", UtcDateTime),
    sa.Column("paused_by", sa.Text),
    sa.Column("paused_reason", sa.Text),
    # The replay or roll back that is making this generation ready, or did so last.
    sa.Column("operation", sa.Text),
    # What that came to, as JSON, written when readers were given this generation.
    sa.Column("outcome", sa.Text),
    # Since when readers no longer see it.
    sa.Column("kept_at", UtcDateTime),
    # Made by other code and live again all the same: it waits, paused, for that code or for a replay.
    sa.Column("stands", sa.Boolean),
    # After a process died at work: what is in hand now; what the last one had in hand that died, 0 if nobody knows;
    # and how many died with that one. All NULL in normal work.
    sa.Column("in_hand", sa.BigInteger),
    sa.Column("suspect", sa.BigInteger),
    sa.Column("deaths", sa.Integer),
    # Drawn when the first generation of a database was made, and handed on: numbers begin at 1 again in another one.
    sa.Column("origin", sa.Text, nullable=False, server_default=""),
    sa.CheckConstraint("state IN ('live', 'building', 'kept')", name="state"),
)

#: Keys set aside because an event of theirs failed. `position` is that event's.
parked_keys = sa.Table(
    "parked_keys",
    read,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", KeyText, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("traceback", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("parked_at", UtcDateTime, nullable=False),
    # Who set it aside and why; NULL where the projection did so by itself.
    sa.Column("parked_by", sa.Text),
    sa.Column("reason", sa.Text),
)

#: The events that wait for a parked key: the failed one and all later ones. Positions only, the log has the rest.
parked_events = sa.Table(
    "parked_events",
    read,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", KeyText, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

#: Events an operator decided to pass over, for one key of one projection, in every generation to come.
skipped = sa.Table(
    "skipped",
    read,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", KeyText, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("skipped_by", sa.Text, nullable=False),
    sa.Column("skipped_at", UtcDateTime, nullable=False),
)

#: Rows that somebody else wrote into a generation table, noticed by its triggers.
foreign_writes = sa.Table(
    "foreign_writes",
    read,
    sa.Column("id", Position, primary_key=True),
    sa.Column("projection", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("key", KeyText),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("noticed_at", UtcDateTime, nullable=False),
    # The check that looks, or has looked, at the row.
    sa.Column("seen_by", sa.Text),
    sa.Index("ix_foreign_writes_generation", "projection", "generation", "id"),
)

#: The ways events are keyed, and how far the index of each has come. Another fingerprint is another way.
key_ids = sa.Table(
    "key_ids",
    read,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key_name", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("indexed_to", sa.BigInteger, nullable=False),
    # When a program that keys events this way was seen last.
    sa.Column("followed_at", UtcDateTime),
    sa.UniqueConstraint("key_name", "fingerprint"),
)

event_keys = sa.Table(
    "event_keys",
    read,
    sa.Column("key_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", KeyText, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
