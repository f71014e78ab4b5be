"""Who set a key aside and why, where an operator did so and not the projection by itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_0007_parked_by_hand"
down_revision = "read_0006_trigger_names"


def upgrade() -> None:
    op.add_column("parked_keys", sa.Column("parked_by", sa.Text))
    op.add_column("parked_keys", sa.Column("reason", sa.Text))
