"""Which check has looked at the row of a foreign write."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_0004_foreign_writes_seen"
down_revision = "read_0003_crash_marks"


def upgrade() -> None:
    op.add_column("foreign_writes", sa.Column("seen_by", sa.Text))
