"""What is said of operations: never more than is known."""

from __future__ import annotations

import pytest

from cqrs.console import operation_words as words
from cqrs.workers.operation import OperationState
from tests.console.work import MOMENT, operation, phase


def test_the_title_says_what_is_under_way_and_into_what() -> None:
    assert words.title(operation(), 8) == "Replaying accounts into generation 8"
    assert words.title(operation(kind="rollback"), 7) == "Rolling back accounts to generation 7"
    assert words.title(operation(), None) == "Replaying accounts"
    assert words.title(operation("succeeded"), 8) == "Replay of accounts"
    assert words.title(operation(kind="audit")) == "Working on accounts"
    assert words.noun(operation(kind="rollback")) == "roll back of accounts"


@pytest.mark.parametrize(
    ("done", "total", "percent"),
    [(None, 10, None), (5, None, None), (0, 0, None), (1, 3, 33), (999, 1000, 99), (7, 5, 100)],
)
def test_a_share_is_rounded_down_and_unknown_where_it_is(
    done: int | None, total: int | None, percent: int | None
) -> None:
    assert words.percent(operation(done=done, total=total)) == percent


def test_the_time_left_is_unknown_rather_than_guessed() -> None:
    said = words.sentence(operation(done=5, total=10), live=1, workers=1)
    assert said == "50 % of this phase is done, time left unknown. Readers see generation 1."
    said = words.sentence(operation(done=5, total=10, rate=0.5), live=1, workers=1)
    assert said == "50 % of this phase is done, about 10 s left in this phase. Readers see generation 1."
    said = words.sentence(operation(), live=None, workers=1)
    assert said == "How much of this phase is done is unknown, time left unknown. What readers see is unknown."


def test_what_has_not_begun_says_why() -> None:
    assert "No worker is alive" in words.sentence(operation("requested"), live=1, workers=0)
    assert "waits for a worker" in words.sentence(operation("requested"), live=1, workers=1)


def test_a_silent_worker_is_not_progress() -> None:
    said = words.sentence(operation(done=5, total=10, rate=1.0, silent_seconds=20.0), live=1, workers=0)
    assert said.startswith("Its worker has been silent for 20 s")


def test_each_end_says_what_readers_see() -> None:
    done = operation("succeeded", result={"generation": 8, "position": 1204})
    assert words.sentence(done, live=8, workers=1) == (
        "Readers were given generation 8, as of position 1,204. It took 1 min 36 s."
    )
    cancelled = operation("cancelled", cancelled_by="ben", result={"outcome": "Readers stayed on generation 7."})
    assert words.sentence(cancelled, live=7, workers=1) == "Cancelled by ben. Readers stayed on generation 7."
    failed = operation("failed", errors=["first", "Event 7 failed."])
    assert words.sentence(failed, live=7, workers=1) == "It stopped: Event 7 failed."


def test_phases_are_told_before_during_and_after() -> None:
    at_work = operation(phases=[phase("build", 0, 60), phase("catch up", 60)])
    found = [
        (step.label, step.state, step.times) for step in words.steps(at_work, MOMENT.replace(minute=31, second=10))
    ]
    assert found == [
        ("Building", "ok", "took 1 min"),
        ("Catching up", "active", "for 10 s"),
        ("Comparing", "", "not begun"),
        ("Swapping", "", "not begun"),
    ]
    stopped = operation("failed", phases=[phase("build", 0, 5)])
    assert [step.state for step in words.steps(stopped, MOMENT)] == ["bad", "", "", ""]


def test_a_phase_that_is_done_again_makes_the_later_ones_outstanding() -> None:
    """After a review the candidate catches up once more."""
    again = operation(phases=[phase("build", 0, 1), phase("compare", 1, 2), phase("swap", 2, 3), phase("catch up", 9)])
    assert [step.state for step in words.steps(again, MOMENT)] == ["ok", "active", "", ""]


def test_the_navigation_counts_and_asks_for_reviews() -> None:
    assert words.count_words([]) is None
    assert words.count_words([operation(), operation("requested")]) == ("2 running", None)
    assert words.count_words([operation(), operation("waiting")]) == ("1 to review", "warn")


def test_every_state_has_a_glyph() -> None:
    assert set(words.GLYPHS) == set(OperationState)
