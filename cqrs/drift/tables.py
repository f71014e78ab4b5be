"""Checks and what they found (main database)."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.store.instants import Instant
from cqrs.store.tables import main

#: One row a check, written as it goes on: whoever takes over after a crash begins where the cursor stands.
checks = sa.Table(
    "checks",
    main,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("projection", sa.Text, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("reference", sa.Text, nullable=False),
    # NULL while it is not finished.
    sa.Column("verdict", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("generation", sa.Integer),
    # The lowest checkpoint of its chunks: every row was right or wrong as of this position, or a later one.
    sa.Column("position", sa.BigInteger),
    sa.Column("checked", sa.BigInteger, nullable=False),
    sa.Column("missing", sa.BigInteger, nullable=False),
    sa.Column("extra", sa.BigInteger, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False),
    # Parked keys: known already, so neither right nor wrong.
    sa.Column("known", sa.BigInteger, nullable=False),
    sa.Column("pending", sa.BigInteger, nullable=False),
    # Keys whose rows could not be derived.
    sa.Column("underived", sa.BigInteger, nullable=False),
    sa.Column("stored", sa.BigInteger, nullable=False),
    sa.Column("cursor", sa.Text, nullable=False),
    # Counts the times this row was saved: who knows an older number has been overtaken.
    sa.Column("saves", sa.BigInteger, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    # Rows in all, as of the beginning.
    sa.Column("rows", sa.BigInteger),
    sa.Column("events", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("method", sa.Text),
    # JSON: what a sample tells of all rows.
    sa.Column("estimate", sa.Text),
    # Of the read database whose rows it looks at; see its generations.
    sa.Column("origin", sa.Text, nullable=False, server_default=""),
)
sa.Index("ix_checks_projection", checks.c.projection, checks.c.id)
sa.Index("ix_checks_operation", checks.c.operation)

findings = sa.Table(
    "findings",
    main,
    sa.Column("check", sa.Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("projection", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    # JSON: stored and expected by column.
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("last_event", sa.BigInteger),
    sa.Column("first_seen_at", Instant, nullable=False),
    # How many checks in a row found this key to differ, this one included.
    sa.Column("times_seen", sa.Integer, nullable=False),
    sa.Column("resolved_by", sa.Text),
    sa.Column("resolved_at", Instant),
    sa.Column("reference", sa.Text, nullable=False, server_default="log"),
)
sa.Index("ix_findings_key", findings.c.projection, findings.c.key, findings.c.check)
sa.Index(
    "ix_findings_standing",
    findings.c.projection,
    findings.c.check,
    findings.c.key,
    sqlite_where=findings.c.resolved_by.is_(None),
    postgresql_where=findings.c.resolved_by.is_(None),
)

#: What checks have come to know of the live generation of a projection; begun anew with every generation.
coverage = sa.Table(
    "coverage",
    main,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    # Events up to here need not be looked at again by whoever looks at what has changed.
    sa.Column("verified_position", sa.BigInteger),
    sa.Column("verified_at", Instant),
    # When the last check began that looked at all rows, and which it was.
    sa.Column("whole_at", Instant),
    sa.Column("whole_check", sa.Text),
    # The rolling pass: where it stands (no part: at its end), how many rows it has seen of how many.
    sa.Column("pass_number", sa.Integer, nullable=False, server_default="0"),
    sa.Column("pass_started_at", Instant),
    sa.Column("pass_finished_at", Instant),
    sa.Column("part", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("seen", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("rows", sa.BigInteger, nullable=False, server_default="0"),
    # The pass before, which saw all rows.
    sa.Column("before_started_at", Instant),
    sa.Column("before_finished_at", Instant),
    sa.Column("origin", sa.Text, nullable=False, server_default=""),
)

#: How far each check of a rolling pass came, and when it began. Those that the next pass has gone over are deleted:
#: the first one there is tells how long ago the oldest row was looked at.
coverage_marks = sa.Table(
    "coverage_marks",
    main,
    sa.Column("projection", sa.Text, primary_key=True),
    sa.Column("pass_number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("check", sa.Text, primary_key=True),
    # The last key; NULL when it came to the last row.
    sa.Column("upto", sa.Text),
    sa.Column("at", Instant, nullable=False),
)
