"""The tables of the main database that belong to the log. Other packages add theirs to the same `main`."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.store.instants import Instant

#: Names of constraints and indexes, so that every migration can address them.
NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

main = sa.MetaData(naming_convention=NAMES)

#: The part of a stream's name before its first hyphen, or all of it; the same as `records.category_of`.
CATEGORY = "substr(stream, 1, instr(stream || '-', '-') - 1)"
CATEGORY_ON_POSTGRES = "split_part(stream, '-', 1)"

#: Sorts by code points on every database, so that a prefix is a range.
Name = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

events = sa.Table(
    "events",
    main,
    # Numbers in the order they are asked for, one by one: the order of the log rests on it.
    sa.Column(
        "position",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        sa.Identity(always=True, cache=1),
        primary_key=True,
    ),
    sa.Column("stream", Name, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("type", Name, nullable=False),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("metadata", sa.Text, nullable=False),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("causation_id", sa.Text),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.UniqueConstraint("stream", "version"),
    sa.UniqueConstraint("event_id"),
    sqlite_autoincrement=True,
)

# SQLite appends the rowid, which is the position, to every index entry by itself: naming it would store it twice.
# On PostgreSQL the migration gives the indexes of the same names the position as last column.
sa.Index("ix_events_type", events.c.type)
sa.Index("ix_events_correlation_id", events.c.correlation_id)
sa.Index("ix_events_causation_id", events.c.causation_id)
sa.Index("ix_events_actor", events.c.actor)
sa.Index("ix_events_category", sa.text(CATEGORY), _table=events)

idempotency = sa.Table(
    "idempotency",
    main,
    sa.Column("actor", sa.Text, primary_key=True),
    sa.Column("command", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body_hash", sa.Text, nullable=False),
    sa.Column("command_id", sa.Text, nullable=False),
    sa.Column("correlation_id", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
