"""The tables of schedules and their runs (main database)."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.store.instants import Instant
from cqrs.store.tables import main

schedules = sa.Table(
    "schedules",
    main,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    # "check", or the name of a job.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("projection", sa.Text),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Column("every_seconds", sa.Integer),
    sa.Column("cron", sa.Text),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("anchor", Instant, nullable=False),
    sa.Column("jitter_seconds", sa.Integer, nullable=False),
    # Part of the program: nobody changes or pauses it.
    sa.Column("fixed", sa.Boolean, nullable=False),
    sa.Column("paused_at", Instant),
    sa.Column("paused_by", sa.Text),
    sa.Column("changed_at", Instant),
    sa.Column("changed_by", sa.Text),
    # Due times up to this moment are owed by nobody: it was made, changed or resumed then.
    sa.Column("counts_from", Instant, nullable=False),
)

#: One row for each time a schedule was run, passed over, or asked to run.
schedule_runs = sa.Table(
    "schedule_runs",
    main,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("schedule", sa.Text, nullable=False),
    # NULL when somebody asked for it: the unique constraint lets a due time in once, and these always.
    sa.Column("due_at", Instant),
    sa.Column("asked_by", sa.Text),
    sa.Column("requested_at", Instant, nullable=False),
    sa.Column("token", sa.BigInteger),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("operation", sa.Text),
    # What a job did, or why it was passed over; what an operation came to is in its own row.
    sa.Column("outcome", sa.Text),
    sa.Column("skipped", sa.Boolean, nullable=False),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("schedule", "due_at"),
)
sa.Index("ix_schedule_runs_schedule", schedule_runs.c.schedule, schedule_runs.c.id)
sa.Index("ix_schedule_runs_finished_at", schedule_runs.c.finished_at)
