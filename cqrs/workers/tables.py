"""The tables of leases, signs of life and samples, in the main database."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.store.instants import Instant
from cqrs.store.tables import main

leases = sa.Table(
    "leases",
    main,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    # Grows whenever the owner changes: work done under an older token is refused.
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

workers = sa.Table(
    "workers",
    main,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)

#: `at` is the Unix time in seconds at which the step of `step` seconds begins. Projection "" is the log itself.
samples = sa.Table(
    "samples",
    main,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("head", sa.BigInteger),
    sa.Column("checkpoint", sa.BigInteger),
    sa.Column("lag_events", sa.BigInteger),
    sa.Column("lag_seconds", sa.Float),
    sa.Column("parked", sa.BigInteger),
    sqlite_with_rowid=False,
)
sa.Index("ix_samples_step_at", samples.c.step, samples.c.at)
