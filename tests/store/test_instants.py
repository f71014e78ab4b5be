"""Moments keep their microseconds and lose only their zone's name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.store.instants import Instant, from_text, to_text

INDIA = timezone(timedelta(hours=5, minutes=30))
MOMENTS = [
    datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
    datetime(2026, 11, 22, 9, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 11, 22, 23, 59, 59, 999_999, tzinfo=INDIA),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_text_is_fixed_width_and_exact(moment: datetime) -> None:
    assert len(to_text(moment)) == 27
    assert from_text(to_text(moment)) == moment
    assert from_text(to_text(moment)).tzinfo == UTC


def test_text_sorts_as_time_does() -> None:
    assert sorted(MOMENTS) == [from_text(text) for text in sorted(map(to_text, MOMENTS))]


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_text(datetime(2026, 11, 22))


def test_a_column_gives_back_what_it_was_given(database: Database) -> None:
    table = sa.Table("moments", sa.MetaData(), sa.Column("n", sa.Integer), sa.Column("at", Instant))
    given = [*MOMENTS[:3], None]
    with database.write() as connection:
        table.create(connection)
        connection.execute(table.insert().values([{"n": n, "at": at} for n, at in enumerate(given)]))
    with database.read() as connection:
        read = list(connection.scalars(sa.select(table.c.at).order_by(table.c.n)))
        later = list(connection.scalars(sa.select(table.c.n).where(table.c.at > MOMENTS[0]).order_by(table.c.n)))
    assert read == given
    assert later == [1, 2]


def test_a_column_refuses_a_time_without_a_zone(database: Database) -> None:
    naive = sa.select(sa.literal(datetime(2026, 11, 22), Instant))
    with database.read() as connection, pytest.raises(sa.exc.StatementError, match="no time zone"):
        connection.execute(naive)
