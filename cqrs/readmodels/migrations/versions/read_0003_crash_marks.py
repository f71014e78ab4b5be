"""Which event is in hand where a process died at work before, which one it died of, and how often that one was it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_0003_crash_marks"
down_revision = "read_0002_replays"


def upgrade() -> None:
    op.add_column("generations", sa.Column("in_hand", sa.BigInteger))
    op.add_column("generations", sa.Column("suspect", sa.BigInteger))
    op.add_column("generations", sa.Column("deaths", sa.Integer))
