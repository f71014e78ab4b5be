"""The findings that nobody has resolved: every page counts them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "main_0008_standing_findings"
down_revision = "main_0007_check_levels"


def upgrade() -> None:
    standing = sa.text("resolved_by IS NULL")
    op.create_index(
        "ix_findings_standing",
        "findings",
        ["projection", "check", "key"],
        sqlite_where=standing,
        postgresql_where=standing,
    )
