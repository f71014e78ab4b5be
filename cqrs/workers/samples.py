"""Figures over time, for charts: every 10 s for 2 hours, every minute for 26 hours, every 10 minutes for 8 days.

A chart of 2 hours, a day or a week is drawn from the finest step that covers it. No sample is None, never zero: a
process that was down measured nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa

from cqrs.store.database import Database
from cqrs.store.upsert import upsert
from cqrs.workers import tables

#: The series of the log itself.
LOG = ""
RATE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Resolution:
    step: int
    keep_seconds: int


RAW = Resolution(10, 2 * 3600)
RESOLUTIONS = (RAW, Resolution(60, 26 * 3600), Resolution(600, 8 * 24 * 3600))


class Measured(Protocol):
    """What is sampled of a projection: the fields of its status."""

    @property
    def name(self) -> str: ...
    @property
    def checkpoint(self) -> int | None: ...
    @property
    def lag_events(self) -> int | None: ...
    @property
    def lag_seconds(self) -> float | None: ...
    @property
    def parked(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` is when its step began. Of several measurements in a step, positions are the last and lags the largest."""

    at: datetime
    head: int | None
    checkpoint: int | None
    lag_events: int | None
    lag_seconds: float | None
    parked: int | None


class Samples:
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, statuses: Iterable[Measured], head: int) -> None:
        """One raw sample of the log and of each projection, for the step of 10 s that the database's clock is in."""
        with self._database.write(durable=False) as connection:
            at = _step_of(self._database.now(connection), RAW.step)
            rows = [_row(LOG, at, head)] + [
                _row(status.name, at, head, status.checkpoint, status.lag_events, status.lag_seconds, status.parked)
                for status in statuses
            ]
            connection.execute(upsert(self._database.dialect, tables.samples, rows))

    def series(self, projection: str, seconds: int, points: int = 60) -> Sequence[Sample | None]:
        """`points` equal parts of the last `seconds`, oldest first; None where nothing was measured."""
        return self.several([projection], seconds, points)[projection]

    def several(
        self, projections: Sequence[str], seconds: int, points: int = 60
    ) -> Mapping[str, Sequence[Sample | None]]:
        """The same of each of these."""
        rows = tables.samples.c
        resolution = next((fit for fit in RESOLUTIONS if seconds <= fit.keep_seconds), RESOLUTIONS[-1])
        width = max(seconds / points, resolution.step)
        with self._database.glance() as connection:
            end = _step_of(self._database.now(connection), resolution.step) + resolution.step
            start = end - width * points
            found = connection.execute(
                sa.select(tables.samples)
                .where(rows.projection.in_(projections), rows.step == resolution.step, rows.at >= start, rows.at < end)
                .order_by(rows.at)
            ).all()
        parts: dict[str, list[list[Any]]] = {name: [[] for _ in range(points)] for name in projections}
        for row in found:
            parts[row.projection][int((row.at - start) // width)].append(row)
        return {name: [_merged(part) if part else None for part in of_one] for name, of_one in parts.items()}

    def rates(self, projections: Sequence[str]) -> Mapping[str, float | None]:
        """Events a second that the checkpoint (of the log: the head) moved in the last 60 s; None if unknown."""
        lately = self.several(projections, RATE_SECONDS + RAW.step, points=7)
        return {name: self._rate(name, samples) for name, samples in lately.items()}

    def rate(self, projection: str) -> float | None:
        return self.rates([projection])[projection]

    @staticmethod
    def _rate(projection: str, samples: Sequence[Sample | None]) -> float | None:
        known = [sample for sample in samples if sample]
        moved = [(sample.at, sample.head if projection == LOG else sample.checkpoint) for sample in known]
        if len(moved) < 2 or moved[0][1] is None or moved[-1][1] is None:
            return None
        elapsed = (moved[-1][0] - moved[0][0]).total_seconds()
        # A generation that was replaced may stand at an earlier position than the one before: no rate at all.
        return max(0.0, (moved[-1][1] - moved[0][1]) / elapsed)

    def roll_up(self) -> None:
        """Merge the fine steps of the last hours into coarser ones, and forget what is past its time. Repeatable."""
        with self._database.write(durable=False) as connection:
            now = int(self._database.now(connection).timestamp())
            for fine, coarse in itertools.pairwise(RESOLUTIONS):
                self._merge(connection, fine, coarse, now)
            for resolution in RESOLUTIONS:
                old = tables.samples.c.at < now - resolution.keep_seconds
                connection.execute(tables.samples.delete().where(tables.samples.c.step == resolution.step, old))

    def _merge(self, connection: sa.Connection, fine: Resolution, coarse: Resolution, now: int) -> None:
        """Only whole coarse steps that are over, from the last one already merged on."""
        rows = tables.samples.c
        last = connection.scalar(sa.select(sa.func.max(rows.at)).where(rows.step == coarse.step))
        start = last if last is not None else 0
        end = now - now % coarse.step
        found = connection.execute(
            sa.select(tables.samples)
            .where(rows.step == fine.step, rows.at >= start, rows.at < end)
            .order_by(rows.projection, rows.at)
        ).all()
        parts: dict[tuple[str, int], list[Any]] = {}
        for row in found:
            parts.setdefault((row.projection, row.at - row.at % coarse.step), []).append(row)
        merged = [_stored(name, coarse.step, at, _merged(part)) for (name, at), part in parts.items()]
        for first in range(0, len(merged), 500):
            connection.execute(upsert(self._database.dialect, tables.samples, merged[first : first + 500]))


def _step_of(moment: datetime, step: int) -> int:
    seconds = int(moment.timestamp())
    return seconds - seconds % step


def _row(
    projection: str,
    at: int,
    head: int | None,
    checkpoint: int | None = None,
    lag_events: int | None = None,
    lag_seconds: float | None = None,
    parked: int | None = None,
    *,
    step: int = RAW.step,
) -> dict[str, Any]:
    return {
        "projection": projection, "step": step, "at": at, "head": head, "checkpoint": checkpoint,
        "lag_events": lag_events, "lag_seconds": lag_seconds, "parked": parked,
    }  # fmt: skip


def _stored(name: str, step: int, at: int, sample: Sample) -> dict[str, Any]:
    figures = (sample.head, sample.checkpoint, sample.lag_events, sample.lag_seconds, sample.parked)
    return _row(name, at, *figures, step=step)


def _merged(rows: Sequence[Any]) -> Sample:
    """The rows are ordered by time and there is at least one."""
    return Sample(
        at=datetime.fromtimestamp(rows[0].at, UTC),
        head=rows[-1].head,
        checkpoint=rows[-1].checkpoint,
        lag_events=max((row.lag_events for row in rows if row.lag_events is not None), default=None),
        lag_seconds=max((row.lag_seconds for row in rows if row.lag_seconds is not None), default=None),
        parked=rows[-1].parked,
    )
