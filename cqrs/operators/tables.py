"""The tables of people, their sign-ins, tokens and deeds, in the main database."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs.store.instants import Instant
from cqrs.store.tables import main

#: SQLite counts up only in columns of this exact type.
Serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

people = sa.Table(
    "people",
    main,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    # The admin that signs in through the link the program prints for itself; not someone who was set up.
    sa.Column("built_in", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("disabled_at", Instant),
    sa.Column("disabled_by", sa.Text),
)

sign_in_links = sa.Table(
    "sign_in_links",
    main,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.name"), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
)

sessions = sa.Table(
    "sessions",
    main,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("people.name"), nullable=False, index=True),
    sa.Column("csrf", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)

tokens = sa.Table(
    "tokens",
    main,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("used_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.Column("revoked_by", sa.Text),
)
sa.Index(
    "uq_tokens_name_unrevoked",
    tokens.c.name,
    unique=True,
    sqlite_where=tokens.c.revoked_at.is_(None),
    postgresql_where=tokens.c.revoked_at.is_(None),
)

throttle = sa.Table(
    "throttle",
    main,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failed_at", Instant, nullable=False),
)

audit = sa.Table(
    "audit",
    main,
    sa.Column("id", Serial, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Index("ix_audit_actor_id", "actor", "id"),
    sa.Index("ix_audit_action_id", "action", "id"),
    sa.Index("ix_audit_target_id", "target", "id"),
    sqlite_autoincrement=True,
)
