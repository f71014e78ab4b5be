"""The tables that questions are answered from. Each is written by the projection of the same name, by nobody else."""

from __future__ import annotations

import sqlalchemy as sa

from cqrs import Money, UtcDateTime

read_models = sa.MetaData()

users = sa.Table(
    "users",
    read_models,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False, index=True),
    sa.Column("city", sa.Text, index=True),
    sa.Column("registered_at", UtcDateTime, nullable=False),
)

user_stats = sa.Table(
    "user_stats",
    read_models,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("order_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("total_spent", Money, nullable=False, default=0),
    sa.Column("last_order_at", UtcDateTime),
)

orders = sa.Table(
    "orders",
    read_models,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False, index=True),
    sa.Column("amount", Money, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("ordered_at", UtcDateTime, nullable=False),
    sa.Column("cancelled_at", UtcDateTime),
    sa.Column("reason", sa.Text),
)

daily_sales = sa.Table(
    "daily_sales",
    read_models,
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("order_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("cancelled_count", sa.BigInteger, nullable=False, default=0),
    sa.Column("revenue", Money, nullable=False, default=0),
)
