"""The log and the idempotency keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cqrs.store import postgres_ddl

revision = "main_0001_log"
down_revision = None

NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    _events()
    _indexes([] if on_sqlite else ["position"], CATEGORY if on_sqlite else CATEGORY_ON_POSTGRES)
    _idempotency()
    for statement in SQLITE_TRIGGERS if on_sqlite else POSTGRES_ORDER:
        op.execute(statement)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(always=True, cache=1),
            nullable=False,
        ),
        sa.Column("stream", NAME, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("type", NAME, nullable=False),
        sa.Column("schema_version", sa.Integer, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("event_id", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("causation_id", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_events"),
        sa.UniqueConstraint("stream", "version", name="uq_events_stream_version"),
        sa.UniqueConstraint("event_id", name="uq_events_event_id"),
        sqlite_autoincrement=True,
    )


def _indexes(last: list[str], category: str) -> None:
    for column in ("type", "correlation_id", "causation_id", "actor"):
        op.create_index(f"ix_events_{column}", "events", [column, *last])
    op.create_index("ix_events_category", "events", [sa.text(category), *last])


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body_hash", sa.Text, nullable=False),
        sa.Column("command_id", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("actor", "command", "key", name="pk_idempotency"),
        sqlite_with_rowid=False,
    )


CATEGORY = "substr(stream, 1, instr(stream || '-', '-') - 1)"
CATEGORY_ON_POSTGRES = "split_part(stream, '-', 1)"

# INSERT OR REPLACE deletes the row in its way without firing delete triggers, so replacing is refused beforehand.
SQLITE_TRIGGERS = (
    """CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are immutable: UPDATE of the table events is refused'); END""",
    """CREATE TRIGGER events_refuse_delete BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are immutable: DELETE from the table events is refused'); END""",
    """CREATE TRIGGER events_refuse_replace BEFORE INSERT ON events
    WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
        OR EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND version = NEW.version)
        OR EXISTS (SELECT 1 FROM events WHERE event_id = NEW.event_id)
    BEGIN SELECT RAISE(ABORT, 'events are immutable: this position, version or event_id is already taken'); END""",
)

POSTGRES_ORDER = (*postgres_ddl.TRIGGERS, *postgres_ddl.ORDER_TABLES)
