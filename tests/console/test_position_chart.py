"""Head and checkpoint over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from cqrs.console.position_chart import APART, HEIGHT, Happening, PositionChart, position_chart
from cqrs.workers.samples import Sample
from tests.console.work import MOMENT


def sample(minute: int, head: int, checkpoint: int) -> Sample:
    at = MOMENT + timedelta(minutes=minute)
    return Sample(at=at, head=head, checkpoint=checkpoint, lag_events=None, lag_seconds=None, parked=0)


def chart(samples: Sequence[Sample | None]) -> PositionChart:
    return position_chart("orders", samples, during="last 1 h", times=[MOMENT], tell=lambda moment: f"{moment:%H:%M}")


def test_round_numbers_frame_what_was_measured() -> None:
    found = chart([sample(0, 1_200, 1_190), sample(1, 1_390, 1_200)])
    assert found.positions[0] >= 1_390
    assert found.positions[-1] <= 1_190
    assert len({a - b for a, b in zip(found.positions, found.positions[1:], strict=False)}) == 1
    assert found.times == ("14:30",)


def test_what_happened_is_marked_where_it_lies() -> None:
    times = [MOMENT, MOMENT + timedelta(minutes=30), MOMENT + timedelta(minutes=60)]
    happened = [
        Happening("failed", MOMENT + timedelta(minutes=45), "failed"),
        Happening("paused", MOMENT + timedelta(minutes=15), "paused"),
        Happening("long ago", MOMENT - timedelta(minutes=1), "failed"),
    ]
    found = position_chart("orders", [], during="", times=times, tell=str, happenings=happened)
    assert [(mark.happening.words, mark.x) for mark in found.marks] == [("paused", 150.0), ("failed", 450.0)]


def test_a_wide_gap_has_room_for_its_own_label() -> None:
    wide, narrow = chart([sample(0, 10_000, 10)]).ends, chart([sample(0, 0, 0), sample(1, 10_000, 9_990)]).ends
    assert wide is not None
    assert wide.behind_y is not None
    assert wide.head_y < wide.behind_y < wide.checkpoint_y
    assert narrow is not None
    assert narrow.behind_y is None


def test_what_was_measured_only_lately_says_since_when() -> None:
    late = [None] * 50 + [sample(50, 1, 1), sample(51, 2, 2)]
    assert chart(late).since == MOMENT + timedelta(minutes=50)
    assert chart([sample(minute, 1, 1) for minute in range(20)]).since is None


def test_a_gap_in_measurement_is_a_gap_in_both_lines() -> None:
    found = chart([sample(0, 10, 5), sample(1, 20, 5), None, sample(3, 30, 5)])
    assert (found.head.count("M"), found.checkpoint.count("M")) == (2, 2)
    assert found.gap.count("z") == 1  # a single measurement encloses nothing


def test_one_event_is_no_cliff_and_a_quiet_log_is_a_line_in_the_middle() -> None:
    found = chart([sample(0, 5_590, 5_590), sample(1, 5_590, 5_590)])
    assert found.ends is not None
    assert 0 < found.ends.head_y < HEIGHT
    assert found.ends.head == found.ends.checkpoint == 5_590


def test_labels_at_the_end_do_not_lie_on_each_other() -> None:
    found = chart([sample(0, 0, 0), sample(1, 10_000, 9_999)])
    assert found.ends is not None
    assert found.ends.checkpoint_y - found.ends.head_y >= APART - 0.1
    assert found.ends.checkpoint_y <= HEIGHT


def test_the_sentence_says_what_the_lines_show() -> None:
    stuck = chart([sample(0, 10, 10), sample(1, 30, 10)]).sentence
    assert stuck == (
        "In the last 1 h the head went from 10 to 30 and the checkpoint of orders from 10 to 10: 20 behind; "
        "the checkpoint stood still while the head moved."
    )
    assert chart([None, None]).sentence == "Head and checkpoint of orders were not measured in the last 1 h."
    assert chart([None]).head == ""
    assert chart([None]).positions == ()


def test_the_table_is_thinned_out_and_has_the_newest_first() -> None:
    rows = chart([sample(minute, minute, minute) for minute in range(60)]).rows
    assert len(rows) <= 12
    assert rows[0].head == 59
