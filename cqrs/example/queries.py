"""What may be asked about users, and how the read models answer. `None` means that there is no such user."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from msgspec import Meta

from cqrs import Query, QueryContext
from cqrs.example.credentials import normal_email
from cqrs.example.read_models import user_stats, users

Row = dict[str, Any]


class GetUserById(Query):
    """Who is this user?"""

    reads = ("users",)

    user_id: str


class FindUserByEmail(Query):
    """Who has this e-mail address? Spaces around it and capitals do not count."""

    reads = ("users",)

    email: str


class FindUsersByCity(Query):
    """Who lives in this city, spelled exactly so? In the order of their ids; `cursor` is what `next` said."""

    reads = ("users",)

    city: str
    cursor: str = ""
    after: Annotated[str, Meta(description="The earlier name of cursor.")] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class GetUserStats(Query):
    """What has this user ordered and spent, cancelled orders left out?"""

    reads = ("user_stats",)

    user_id: str


def get_user_by_id(query: GetUserById, read: QueryContext) -> Row | None:
    return read.row(sa.select(users).where(users.c.user_id == query.user_id))


def find_user_by_email(query: FindUserByEmail, read: QueryContext) -> Row | None:
    return read.row(sa.select(users).where(users.c.email == normal_email(query.email)))


def find_users_by_city(query: FindUsersByCity, read: QueryContext) -> Row:
    behind = sa.select(users).where(users.c.city == query.city, users.c.user_id > (query.cursor or query.after))
    rows = read.rows(behind.order_by(users.c.user_id).limit(query.limit + 1))
    page = rows[: query.limit]
    return {"users": page, "next": page[-1]["user_id"] if len(rows) > len(page) else None}


def get_user_stats(query: GetUserStats, read: QueryContext) -> Row | None:
    return read.row(sa.select(user_stats).where(user_stats.c.user_id == query.user_id))
