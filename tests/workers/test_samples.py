"""Samples: what was not measured is unknown, and there is never more than so much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.workers import tables
from cqrs.workers.samples import LOG, RESOLUTIONS, Samples

START = datetime(2026, 11, 22, 9, 0, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Status:
    name: str
    checkpoint: int | None
    lag_events: int | None = 0
    lag_seconds: float | None = 0.0
    parked: int | None = 0


class ClockedDatabase:
    """A database whose clock the test sets: eight days of samples cannot be waited for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.moment = START

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with self._database.read() as connection:
            yield connection

    glance = read

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        with self._database.write(durable=durable) as connection:
            yield connection

    def now(self, _connection: sa.Connection) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clocked(database: Database) -> ClockedDatabase:
    return ClockedDatabase(database)


@pytest.fixture
def samples(clocked: Any) -> Samples:
    return Samples(clocked)


def rows_of(database: Database, step: int) -> int:
    with database.read() as connection:
        return connection.execute(sa.select(tables.samples).where(tables.samples.c.step == step)).all().__len__()


def test_what_was_recorded_comes_back_in_its_place(samples: Samples, clocked: ClockedDatabase) -> None:
    for head in (10, 20, 30):
        samples.record([Status("users", head - 1, 1, 0.5, 2)], head)
        clocked.advance(10)
    series = samples.series("users", 60, points=6)
    assert [sample and sample.checkpoint for sample in series] == [None, None, 9, 19, 29, None]
    last = series[4]
    assert last is not None
    assert (last.head, last.lag_events, last.lag_seconds, last.parked) == (30, 1, 0.5, 2)
    assert last.at == START + timedelta(seconds=20)
    assert [sample and sample.head for sample in samples.series(LOG, 60, points=6)] == [None, None, 10, 20, 30, None]


def test_a_process_that_was_down_leaves_a_gap_not_a_zero(samples: Samples, clocked: ClockedDatabase) -> None:
    samples.record([Status("users", 5)], 5)
    clocked.advance(30)
    samples.record([Status("users", 9)], 9)
    assert [sample and sample.checkpoint for sample in samples.series("users", 40, points=4)] == [5, None, None, 9]
    assert samples.series("nobody", 40, points=4) == [None] * 4


def test_unknown_figures_stay_unknown(samples: Samples, clocked: ClockedDatabase) -> None:
    samples.record([Status("users", None, None, None, None)], 5)
    (sample,) = samples.series("users", 10, points=1)
    assert sample is not None
    assert (sample.checkpoint, sample.lag_events, sample.lag_seconds, sample.parked) == (None, None, None, None)
    assert samples.rate("users") is None


def test_two_measurements_in_one_step_are_one_sample(samples: Samples, database: Database) -> None:
    samples.record([Status("users", 1)], 1)
    samples.record([Status("users", 2)], 2)
    assert rows_of(database, 10) == 2  # the log and the projection
    assert samples.series("users", 10, points=1)[0].checkpoint == 2  # type: ignore[union-attr]


def test_the_rate_is_that_of_the_last_minute(samples: Samples, clocked: ClockedDatabase) -> None:
    assert samples.rate("users") is None
    samples.record([Status("users", 0)], 0)
    assert samples.rate("users") is None
    for step in range(1, 13):
        clocked.advance(10)
        samples.record([Status("users", step * 50)], step * 60)
    assert samples.rate("users") == 5.0
    assert samples.rate(LOG) == 6.0
    clocked.advance(300)
    assert samples.rate("users") is None


def test_a_rate_is_never_negative(samples: Samples, clocked: ClockedDatabase) -> None:
    samples.record([Status("users", 100)], 100)
    clocked.advance(10)
    samples.record([Status("users", 40)], 100)
    assert samples.rate("users") == 0.0


def test_rolling_up_keeps_last_positions_and_largest_lags(samples: Samples, clocked: ClockedDatabase) -> None:
    for head in range(12):
        samples.record([Status("users", head, lag_events=5 if head == 3 else 0)], head)
        clocked.advance(10)
    samples.roll_up()
    samples.roll_up()
    series = [sample for sample in samples.series("users", 3 * 3600, points=180) if sample]
    assert [(sample.checkpoint, sample.lag_events) for sample in series] == [(5, 5), (11, 0)]


def test_a_step_that_is_not_over_is_not_rolled_up_yet(samples: Samples, clocked: ClockedDatabase) -> None:
    for head in range(9):
        samples.record([Status("users", head)], head)
        clocked.advance(10)
    samples.roll_up()
    assert len([sample for sample in samples.series("users", 3 * 3600, points=180) if sample]) == 1


def test_nine_days_of_samples_stay_bounded(samples: Samples, clocked: ClockedDatabase, database: Database) -> None:
    for head in range(9 * 24 * 4):
        samples.record([Status("users", head)], head)
        clocked.advance(900)
        samples.roll_up()
    for resolution in RESOLUTIONS:
        assert 0 < rows_of(database, resolution.step) <= 2 * (resolution.keep_seconds // resolution.step + 1)
    week = [sample for sample in samples.series("users", 7 * 24 * 3600, points=84) if sample]
    assert len(week) == 84
