"""Which read database checks looked at, and what is known of it. What is known already is of the one without a name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "main_0009_origins"
down_revision = "main_0008_standing_findings"


def upgrade() -> None:
    for table in ("checks", "coverage"):
        op.add_column(table, sa.Column("origin", sa.Text, nullable=False, server_default=""))
