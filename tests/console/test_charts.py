"""Numbers as shapes: true to scale, gaps left open, nothing invented."""

from __future__ import annotations

import re

from cqrs.console.charts import LAG_FLOOR, lag_line, rate_bars


def heights(path: str) -> list[float]:
    return [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]


def test_small_lags_stay_small() -> None:
    """One scale for all lines that are quiet: noise looks like noise."""
    quiet = lag_line("orders", [0, 3, 0])
    assert max(heights(quiet.path)) - min(heights(quiet.path)) < 0.5
    loud = lag_line("orders", [0, LAG_FLOOR, 0])
    assert min(heights(loud.path)) == 2.0


def test_the_highest_point_reaches_the_top_and_zero_lies_on_the_ground() -> None:
    line = lag_line("orders", [0, 10_000])
    assert heights(line.path) == [21.0, 2.0]


def test_a_gap_in_measurement_is_a_gap_in_the_line() -> None:
    line = lag_line("orders", [1, 2, None, None, 3, 4])
    assert line.path.count("M") == 2
    assert line.area.count("z") == 2


def test_a_single_measurement_is_a_dot() -> None:
    assert lag_line("orders", [None, 5, None]).path.endswith("h0.1")


def test_nothing_measured_draws_nothing_and_says_so() -> None:
    line = lag_line("orders", [None] * 60)
    assert (line.path, line.area) == ("", "")
    assert line.sentence == "The lag of orders was not measured in the last hour."


def test_a_line_is_told_in_a_sentence() -> None:
    assert lag_line("orders", [0, 1_204, 7]).sentence == "Lag of orders in the last hour: now 7, at most 1,204 events."


def test_bars_are_in_proportion_and_the_newest_is_marked() -> None:
    chart = rate_bars([1.0, 2.0, 4.0, None], start="13:00", end="14:00")
    assert [bar.height for bar in chart.bars] == [9.5, 19.0, 38.0]
    assert [bar.latest for bar in chart.bars] == [False, False, True]
    assert all(bar.y + bar.height == chart.height for bar in chart.bars)
    assert chart.peak == "peak 4.0/s"


def test_a_little_is_visible_and_nothing_is_not() -> None:
    chart = rate_bars([0.0, 0.001, 1_000.0], start="", end="")
    assert [bar.height for bar in chart.bars][:2] == [0.0, 1.0]


def test_a_slow_rate_is_told_by_the_minute() -> None:
    assert rate_bars([0.05, 0.0], start="", end="").peak == "peak 3/min"


def test_without_a_measurement_there_is_no_peak() -> None:
    assert rate_bars([None, None], start="", end="").peak == "not measured yet"
    assert rate_bars([], start="", end="").bars == ()
