"""When a program that keys events in some way was seen last; those that are known count as seen now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "read_0005_followed_ways"
down_revision = "read_0004_foreign_writes_seen"

Moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
NOW = {"postgresql": "clock_timestamp()", "sqlite": "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"}


def upgrade() -> None:
    op.add_column("key_ids", sa.Column("followed_at", Moment))
    connection = op.get_bind()
    connection.exec_driver_sql(f"UPDATE key_ids SET followed_at = {NOW[connection.dialect.name]}")
