"""Operations and what they say while they run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "main_0004_operations"
down_revision = "main_0003_workers"

MOMENT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    _operations()
    _log()


def _operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("requested_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT),
        sa.Column("finished_at", MOMENT),
        sa.Column("phases", sa.Text, nullable=False),
        sa.Column("done", sa.BigInteger),
        sa.Column("total", sa.BigInteger),
        sa.Column("rate", sa.Double),
        sa.Column("errors", sa.Text, nullable=False),
        sa.Column("error_count", sa.Integer, nullable=False),
        sa.Column("result", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("heartbeat_at", MOMENT),
        sa.Column("lease_until", MOMENT),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("cancelled_by", sa.Text),
        sa.Column("approved_by", sa.Text),
        sa.Column("holds", sa.Text),
        sa.Column("log_lines", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
    )
    op.create_index("uq_operations_holds", "operations", ["holds"], unique=True)
    op.create_index("ix_operations_state", "operations", ["state", "id"])
    op.create_index("ix_operations_projection", "operations", ["projection", "id"])


def _log() -> None:
    op.create_table(
        "operation_log",
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("operation", "n", name="pk_operation_log"),
    )
