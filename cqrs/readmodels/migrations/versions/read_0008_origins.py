"""Which database a generation was made in. Those that are there already have no name, and hand that on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_0008_origins"
down_revision = "read_0007_parked_by_hand"


def upgrade() -> None:
    op.add_column("generations", sa.Column("origin", sa.Text, nullable=False, server_default=""))
