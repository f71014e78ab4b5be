"""Money and moments come back as they went in, or do not go in."""

from __future__ import annotations

import decimal
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from cqrs.errors import InexactValue
from cqrs.readmodels.types import Money, UtcDateTime, moment_text

ENGINE = sa.create_engine("sqlite://")
MONEY = Money()

table = sa.Table(
    "purses",
    sa.MetaData(),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("amount", Money),
    sa.Column("at", UtcDateTime),
)


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        table.create(connection)
        yield connection
    engine.dispose()


@given(st.decimals(min_value=Decimal("-9999999999999.99"), max_value=Decimal("9999999999999.99"), places=2))
def test_every_amount_of_fifteen_digits_is_exact(amount: Decimal) -> None:
    stored = MONEY.process_bind_param(amount, ENGINE.dialect)
    assert isinstance(stored, float)
    assert str(MONEY.process_result_value(stored, ENGINE.dialect)) == str(MONEY.settled(amount))
    assert MONEY.settled(amount) == amount


def test_amounts_survive_the_database_with_their_sum(connection: sa.Connection) -> None:
    amounts = [Decimal(random.Random(7).randrange(10**9)) / 100 for _ in range(500)]
    connection.execute(sa.insert(table), [{"n": n, "amount": amount} for n, amount in enumerate(amounts)])
    assert list(connection.execute(sa.select(table.c.amount).order_by(table.c.n)).scalars()) == amounts
    assert connection.execute(sa.select(sa.func.sum(table.c.amount))).scalar() == sum(amounts)
    assert connection.execute(sa.select(table.c.amount).where(table.c.amount == amounts[3])).first() is not None


@pytest.mark.parametrize("value", ["0.005", "1E+13", "-10000000000000", "NaN", "sNaN", "-Infinity"])
def test_what_would_be_rounded_or_lost_is_refused(value: str) -> None:
    with pytest.raises(InexactValue):
        MONEY.settled(Decimal(value))


@pytest.mark.parametrize("value", [0.1, True, "1.00", None])
def test_only_decimals_and_integers_are_money(value: object) -> None:
    with pytest.raises(InexactValue):
        MONEY.settled(value)


def test_the_programs_own_precision_does_not_matter() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        assert MONEY.settled(Decimal("1234567.8")) == Decimal("1234567.80")


@pytest.mark.parametrize(("precision", "scale"), [(16, 2), (2, 2), (5, -1)])
def test_a_money_type_that_no_double_can_hold(precision: int, scale: int) -> None:
    with pytest.raises(ValueError, match="Money needs"):
        Money(precision, scale)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9)), timezone(timedelta(minutes=330))])))
def test_every_moment_comes_back_in_utc(moment: datetime) -> None:
    kind = UtcDateTime()
    try:
        stored = kind.process_bind_param(moment, ENGINE.dialect)
    except OverflowError:  # the first and last hours of the calendar are in no year of UTC
        return
    read = kind.process_result_value(stored, ENGINE.dialect)
    assert read == moment
    assert read is not None
    assert read.tzinfo is UTC
    assert len(stored) == 27


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=2))
def test_moments_sort_as_text(pair: list[datetime]) -> None:
    assert sorted(pair) == sorted(pair, key=moment_text)


def test_a_moment_without_a_zone_is_refused(connection: sa.Connection) -> None:
    with pytest.raises(sa.exc.StatementError, match="time zone"):
        connection.execute(sa.insert(table).values(n=1, at=datetime(2026, 1, 1)))
