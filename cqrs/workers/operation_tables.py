"""The tables of operations and what they said while they ran (main database)."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.store.instants import Instant
from cqrs.store.tables import main

operations = sa.Table(
    "operations",
    main,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("projection", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("phases", sa.Text, nullable=False),
    sa.Column("done", sa.BigInteger),
    sa.Column("total", sa.BigInteger),
    sa.Column("rate", sa.Double),
    sa.Column("errors", sa.Text, nullable=False),
    sa.Column("error_count", sa.Integer, nullable=False),
    sa.Column("result", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("heartbeat_at", Instant),
    sa.Column("lease_until", Instant),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("cancelled_by", sa.Text),
    sa.Column("approved_by", sa.Text),
    # The projection while an exclusive operation is not finished, else NULL: the index lets only one in.
    sa.Column("holds", sa.Text),
    sa.Column("log_lines", sa.Integer, nullable=False),
)
sa.Index("uq_operations_holds", operations.c.holds, unique=True)
sa.Index("ix_operations_state", operations.c.state, operations.c.id)
sa.Index("ix_operations_projection", operations.c.projection, operations.c.id)

operation_log = sa.Table(
    "operation_log",
    main,
    sa.Column("operation", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
