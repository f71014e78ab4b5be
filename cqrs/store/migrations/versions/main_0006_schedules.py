"""Schedules as rows. Their runs get an id and what came of them; those of before told of nothing but their time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "main_0006_schedules"
down_revision = "main_0005_drift"

MOMENT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.drop_table("schedule_runs")
    _schedules()
    _runs()
    op.create_index("ix_checks_operation", "checks", ["operation"])


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("projection", sa.Text),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("every_seconds", sa.Integer),
        sa.Column("cron", sa.Text),
        sa.Column("zone", sa.Text, nullable=False),
        sa.Column("anchor", MOMENT, nullable=False),
        sa.Column("jitter_seconds", sa.Integer, nullable=False),
        sa.Column("fixed", sa.Boolean, nullable=False),
        sa.Column("paused_at", MOMENT),
        sa.Column("paused_by", sa.Text),
        sa.Column("changed_at", MOMENT),
        sa.Column("changed_by", sa.Text),
        sa.Column("counts_from", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
    )


def _runs() -> None:
    op.create_table(
        "schedule_runs",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("asked_by", sa.Text),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("token", sa.BigInteger),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("operation", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("skipped", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_schedule_runs"),
        sa.UniqueConstraint("schedule", "due_at", name="uq_schedule_runs_schedule_due_at"),
    )
    op.create_index("ix_schedule_runs_schedule", "schedule_runs", ["schedule", "id"])
    op.create_index("ix_schedule_runs_finished_at", "schedule_runs", ["finished_at"])
