"""Generations and their checkpoints, what was set aside, foreign writes, and the index of events by key."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cqrs.readmodels import postgres_ddl

revision = "read_0001_read_models"
down_revision = None

Moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
KeyText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _generations()
    _parked()
    _skipped()
    _foreign_writes()
    _key_index()
    for function in postgres_ddl.FUNCTIONS if op.get_bind().dialect.name == "postgresql" else ():
        op.execute(function)


def _generations() -> None:
    op.create_table(
        "generations",
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", Moment),
        sa.Column("heartbeat_at", Moment),
        sa.Column("advanced_at", Moment),
        sa.Column("shape", sa.Text, nullable=False),
        sa.Column("logic", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("paused_at", Moment),
        sa.Column("paused_by", sa.Text),
        sa.Column("paused_reason", sa.Text),
        sa.PrimaryKeyConstraint("projection", "generation", name="pk_generations"),
        sa.CheckConstraint("state IN ('live', 'building', 'kept')", name="ck_generations_state"),
    )


def _parked() -> None:
    op.create_table(
        "parked_keys",
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("key", KeyText, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("traceback", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("parked_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("projection", "generation", "key", name="pk_parked_keys"),
    )
    op.create_table(
        "parked_events",
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("key", KeyText, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("projection", "generation", "key", "position", name="pk_parked_events"),
        sqlite_with_rowid=False,
    )


def _skipped() -> None:
    op.create_table(
        "skipped",
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("key", KeyText, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("skipped_by", sa.Text, nullable=False),
        sa.Column("skipped_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("projection", "position", "key", name="pk_skipped"),
    )


def _foreign_writes() -> None:
    op.create_table(
        "foreign_writes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("key", KeyText),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("noticed_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_foreign_writes"),
    )
    op.create_index("ix_foreign_writes_generation", "foreign_writes", ["projection", "generation", "id"])


def _key_index() -> None:
    op.create_table(
        "key_ids",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("key_name", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("indexed_to", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_ids"),
        sa.UniqueConstraint("key_name", "fingerprint", name="uq_key_ids_key_name_fingerprint"),
    )
    op.create_table(
        "event_keys",
        sa.Column("key_id", sa.Integer, nullable=False),
        sa.Column("key", KeyText, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "key", "position", name="pk_event_keys"),
        sqlite_with_rowid=False,
    )
