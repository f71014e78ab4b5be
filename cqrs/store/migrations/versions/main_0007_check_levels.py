"""What checks looked at and how, and how much of each read model they have looked at when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "main_0007_check_levels"
down_revision = "main_0006_schedules"

MOMENT = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("checks", sa.Column("rows", sa.BigInteger))
    op.add_column("checks", sa.Column("events", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("checks", sa.Column("method", sa.Text))
    op.add_column("checks", sa.Column("estimate", sa.Text))
    op.add_column("findings", sa.Column("reference", sa.Text, nullable=False, server_default="log"))
    _coverage()
    _marks()


def _coverage() -> None:
    op.create_table(
        "coverage",
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("verified_position", sa.BigInteger),
        sa.Column("verified_at", MOMENT),
        sa.Column("whole_at", MOMENT),
        sa.Column("whole_check", sa.Text),
        sa.Column("pass_number", sa.Integer, nullable=False, server_default="0"),
        sa.Column("pass_started_at", MOMENT),
        sa.Column("pass_finished_at", MOMENT),
        sa.Column("part", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("seen", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("rows", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("before_started_at", MOMENT),
        sa.Column("before_finished_at", MOMENT),
        sa.PrimaryKeyConstraint("projection", name="pk_coverage"),
    )


def _marks() -> None:
    op.create_table(
        "coverage_marks",
        sa.Column("projection", sa.Text, nullable=False),
        sa.Column("pass_number", sa.Integer, nullable=False),
        sa.Column("check", sa.Text, nullable=False),
        sa.Column("upto", sa.Text),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("projection", "pass_number", "check", name="pk_coverage_marks"),
    )
