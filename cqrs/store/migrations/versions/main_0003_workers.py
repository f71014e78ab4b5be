"""Leases, signs of life, runs of schedules, and samples."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "main_0003_workers"
down_revision = "main_0002_operators"

MOMENT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    _presence()
    _runs()
    _samples()


def _presence() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )


def _runs() -> None:
    op.create_table(
        "schedule_runs",
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("schedule", "due_at", name="pk_schedule_runs"),
    )


def _samples() -> None:
    op.create_table(
        "samples",
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("head", sa.BigInteger),
        sa.Column("checkpoint", sa.BigInteger),
        sa.Column("lag_events", sa.BigInteger),
        sa.Column("lag_seconds", sa.Float),
        sa.Column("parked", sa.BigInteger),
        sa.PrimaryKeyConstraint("projection", "step", "at", name="pk_samples"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_samples_step_at", "samples", ["step", "at"])
