"""Samples as charts want them: an hour, or ten minutes while there is not yet an hour worth showing."""

from __future__ import annotations

from collections.abc import Sequence

from flask import g

from cqrs.console import current
from cqrs.workers.samples import LOG, Sample

HOUR, TEN_MINUTES = 3_600, 600
#: Parts of an hour that must be measured before an hour is drawn.
ENOUGH = 8


def log_samples() -> Sequence[Sample | None]:
    """Of the log itself, over the `window()` of this request."""
    if "log_samples" not in g:
        samples = current.runtime().samples
        hour = samples.series(LOG, HOUR)
        known = sum(sample is not None for sample in hour)
        g.window = HOUR if known >= ENOUGH else TEN_MINUTES
        g.log_samples = hour if g.window == HOUR else samples.series(LOG, TEN_MINUTES)
    found: Sequence[Sample | None] = g.log_samples
    return found


def window() -> int:
    """The seconds that all charts of this request show."""
    log_samples()
    return int(g.window)


def window_words() -> str:
    return "last hour" if window() == HOUR else "last 10 min"


def lags_of(projection: str) -> list[int | None]:
    """Over the `window()` of this request, oldest first; None where nothing was measured."""
    if "lag_samples" not in g:
        runtime = current.runtime()
        g.lag_samples = runtime.samples.several(runtime.projections.names(), window())
    return [None if sample is None else sample.lag_events for sample in g.lag_samples[projection]]
