"""Waiting after failed attempts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from cqrs.errors import TooManyAttempts
from cqrs.operators import tables
from cqrs.operators.throttle import FORGOTTEN_AFTER, FREE_FAILURES, LONGEST_WAIT, Throttle, wait_after
from cqrs.store.database import Database
from tests.operators.aging import age

SCOPE = "sign-in:192.0.2.7"


@pytest.fixture
def throttle(database: Database) -> Throttle:
    return Throttle(database)


def fail(throttle: Throttle, times: int) -> None:
    for _ in range(times):
        throttle.failed(SCOPE)


def test_a_few_failures_cost_nothing(throttle: Throttle) -> None:
    fail(throttle, FREE_FAILURES - 1)
    throttle.check(SCOPE)


def test_the_fifth_failure_has_to_wait_and_others_do_not(throttle: Throttle) -> None:
    fail(throttle, FREE_FAILURES)
    with pytest.raises(TooManyAttempts) as caught:
        throttle.check(SCOPE)
    assert caught.value.retry_after == 1
    throttle.check("sign-in:192.0.2.8")


def test_each_further_failure_doubles_the_wait_up_to_a_limit() -> None:
    waits = [wait_after(failures).total_seconds() for failures in (5, 6, 7, 8)]
    assert waits == [1, 2, 4, 8]
    assert wait_after(10_000) == LONGEST_WAIT


def test_after_the_wait_one_may_try_again(throttle: Throttle, database: Database) -> None:
    fail(throttle, FREE_FAILURES + 3)
    age(database, tables.throttle, timedelta(seconds=9))
    throttle.check(SCOPE)


def test_success_and_time_forgive(throttle: Throttle, database: Database) -> None:
    fail(throttle, 10)
    throttle.succeeded(SCOPE)
    throttle.check(SCOPE)
    fail(throttle, 10)
    age(database, tables.throttle, FORGOTTEN_AFTER + timedelta(seconds=1))
    fail(throttle, 1)
    throttle.check(SCOPE)
    age(database, tables.throttle, FORGOTTEN_AFTER + timedelta(seconds=1))
    assert throttle.prune() == 1


def test_failures_at_once_all_count(throttle: Throttle, database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: throttle.failed(SCOPE), range(12)))
    with database.read() as connection:
        assert connection.scalar(sa.select(tables.throttle.c.failures)) == 12
