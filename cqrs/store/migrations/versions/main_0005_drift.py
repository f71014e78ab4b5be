"""Checks of read models and what they found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "main_0005_drift"
down_revision = "main_0004_operations"

MOMENT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
COUNTS = ("checked", "missing", "extra", "changed", "known", "pending", "underived", "stored")


def upgrade() -> None:
    _checks()
    _findings()


def _checks() -> None:
    op.create_table(
        "checks",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("generation", sa.Integer),
        sa.Column("position", sa.BigInteger),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS),
        sa.Column("cursor", sa.Text, nullable=False),
        sa.Column("saves", sa.BigInteger, nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_checks"),
    )
    op.create_index("ix_checks_projection", "checks", ["projection", "id"])


def _findings() -> None:
    op.create_table(
        "findings",
        sa.Column("check", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("last_event", sa.BigInteger),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("times_seen", sa.Integer, nullable=False),
        sa.Column("resolved_by", sa.Text),
        sa.Column("resolved_at", MOMENT),
        sa.PrimaryKeyConstraint("check", "n", name="pk_findings"),
    )
    op.create_index("ix_findings_key", "findings", ["projection", "key", "check"])
