"""Which operation makes a generation, how it ended, when one was put aside, and whether it waits for its code."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_0002_replays"
down_revision = "read_0001_read_models"

Moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("generations", sa.Column("operation", sa.Text))
    op.add_column("generations", sa.Column("outcome", sa.Text))
    op.add_column("generations", sa.Column("kept_at", Moment))
    op.add_column("generations", sa.Column("stands", sa.Boolean))
