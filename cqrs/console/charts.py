"""Geometry of the charts: numbers in, SVG path data and a sentence for people who do not see them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: The scale of a sparkline never ends below this many events, so that noise looks like noise.
LAG_FLOOR = 250

Points = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A line with its area; `path` and `area` are empty where nothing was measured."""

    width: int
    height: int
    path: str
    area: str
    sentence: str
    #: The time it shows, in words.
    during: str


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    latest: bool


@dataclass(frozen=True, slots=True)
class Bars:
    width: int
    height: int
    bars: tuple[Bar, ...]
    start: str
    peak: str
    end: str
    sentence: str


def lag_line(name: str, lags: Points, *, during: str = "last hour", width: int = 120, height: int = 22) -> Sparkline:
    """The lag of one projection, oldest first; `None` is a gap in measurement and in the line."""
    top, bottom = 2.0, height - 1.0
    known = [lag for lag in lags if lag is not None]
    scale = (bottom - top) / max([LAG_FLOOR, *known])
    step = width / max(1, len(lags) - 1)
    runs = _runs([(step * i, None if lag is None else bottom - lag * scale) for i, lag in enumerate(lags)])
    path = "".join(_trace(run) for run in runs)
    area = "".join(f"{_trace(run)}L{run[-1][0]:.1f} {height}L{run[0][0]:.1f} {height}z" for run in runs)
    return Sparkline(width, height, path, area, _lag_sentence(name, known, during), during)


def rate_bars(rates: Points, *, start: str, end: str, width: int = 360, height: int = 40) -> Bars:
    """Events appended per second, one bar a slot, oldest first; the newest measured slot is marked."""
    known = [rate for rate in rates if rate is not None]
    peak = max(known, default=0.0)
    slot = width / max(1, len(rates))
    last = max((i for i, rate in enumerate(rates) if rate is not None), default=-1)
    bars = tuple(
        _bar(rate, i * slot, slot * 0.75, peak=peak, height=height, latest=i == last)
        for i, rate in enumerate(rates)
        if rate is not None
    )
    words = f"peak {pace(peak)}" if known else "not measured yet"
    spoken = f"Events appended per second from {start} to {end}: {words}."
    return Bars(width, height, bars, start, words, end, spoken)


def pace(rate: float) -> str:
    """A rate below one a second is told by the minute, so that little is not written as nothing."""
    return f"{rate:,.1f}/s" if rate >= 1 else f"{rate * 60:,.0f}/min"


def _bar(rate: float, x: float, width: float, *, peak: float, height: int, latest: bool) -> Bar:
    tall = 0.0 if not peak else (height - 2) * rate / peak
    if rate > 0:
        tall = max(tall, 1.0)  # something happened: it must be visible
    return Bar(round(x, 1), round(height - tall, 1), round(width, 1), round(tall, 1), latest)


def _runs(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _trace(run: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = run
    dot = "h0.1" if not rest else ""  # a single measurement is a dot, not nothing
    return f"M{x:.1f} {y:.1f}{dot}" + "".join(f"L{x:.1f} {y:.1f}" for x, y in rest)


def _lag_sentence(name: str, known: Sequence[float], during: str) -> str:
    if not known:
        return f"The lag of {name} was not measured in the {during}."
    return f"Lag of {name} in the {during}: now {known[-1]:,.0f}, at most {max(known):,.0f} events."
