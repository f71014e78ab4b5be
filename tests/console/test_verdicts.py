"""What the overview says first."""

from __future__ import annotations

import pytest

from cqrs.console.verdict import Judgement, Verdict
from cqrs.console.verdicts import MOST, judge, worst
from cqrs.projections.status import ProjectionStatus
from tests.console.statuses import HEAD, MOMENT, failed, status


def judged(*statuses: ProjectionStatus, head: int = HEAD, workers: int = 1) -> Judgement:
    return judge(statuses, head=head, workers=workers)


def said(verdict: Verdict) -> str:
    words = "".join(span.text for span in verdict.fact)
    return " ".join(f"{verdict.subject or ''}{words} {verdict.consequence}".split())


def test_good_news_is_one_line_that_says_what_was_looked_at() -> None:
    found = judged(status("orders"), status("users"))
    assert found.headline == "All projections are caught up."
    assert [said(line) for line in found.verdicts] == ["Every event is applied by orders, users. No keys are parked."]
    assert [line.state for line in found.verdicts] == ["ok"]


def test_what_waits_within_one_batch_is_not_said_to_be_applied() -> None:
    found = judged(status("orders", lag_events=7), status("users"))
    assert found.headline == "All projections are caught up."
    assert said(found.verdicts[0]) == "All events but the newest 7 are applied by orders, users. No keys are parked."


def test_the_worst_comes_first_and_the_good_last() -> None:
    found = judged(
        status("a", "catching_up", lag_events=3_000, rate=1_000.0),
        status("b", "paused", lag_events=2, paused_at=MOMENT, paused_by="ana", paused_reason="release"),
        status("c", "stalled", lag_events=1, seconds_since_advance=95.0),
        failed("d"),
        status("e"),
    )
    assert found.headline == "1 of 5 projections is caught up."
    assert [line.state for line in found.verdicts] == ["failed", "stalled", "paused", "catching_up", "ok"]
    assert [said(line) for line in found.verdicts] == [
        "d failed and is 11 events behind; its oldest unprocessed event is 42 s old. "
        "Readers see rows as of event 4,989.",
        "c is stalled: 1 event behind, and its checkpoint has not moved for 1 min 35 s. No error was reported.",
        "b was paused by ana and is 2 events behind. “release”",
        "a is catching up: 3,000 events behind. About 3 s left at 1,000 events/s.",
        "e is caught up.",
    ]


def test_each_finding_has_one_link_to_where_it_is_put_right() -> None:
    (finding,) = (line for line in judged(failed("daily sales")).verdicts if line.link)
    assert finding.link
    assert (finding.link.endpoint, finding.link.values) == ("projections.show", {"name": "daily sales"})


def test_without_a_worker_one_line_stands_for_all_that_is_unknown() -> None:
    silent = [status(name, "unknown", heartbeat_seconds=100.0, lag_events=7) for name in ("a", "b", "c")]
    found = judged(*silent, workers=0)
    assert found.headline == "No worker is running."
    assert len(found.verdicts) == 1
    assert "no projection applies them" in said(found.verdicts[0])


def test_a_silent_projection_beside_a_living_worker_is_a_finding_of_its_own() -> None:
    found = judged(status("a", "unknown", heartbeat_seconds=100.0, lag_events=None), status("b"))
    assert said(found.verdicts[0]) == (
        "a has not reported for 1 min 40 s: whether it is running is unknown. It is an unknown number of events behind."
    )


def test_an_unknown_lag_is_never_zero() -> None:
    assert "an unknown number of events behind" in said(judged(failed(lag_events=None)).verdicts[0])


def test_parked_keys_are_said_of_a_projection_that_runs() -> None:
    found = judged(status("users", parked=1))
    assert said(found.verdicts[0]).startswith("users has 1 parked key.")
    assert found.verdicts[0].link
    assert found.verdicts[0].link.anchor == "parked"
    assert "No keys are parked" not in said(found.verdicts[-1])


def test_a_pause_without_lag_says_that_nothing_waits() -> None:
    found = judged(status("b", "paused", paused_at=MOMENT, paused_by="ana"))
    assert said(found.verdicts[0]) == "b was paused by ana. No event waits yet."


def test_a_note_is_a_finding() -> None:
    found = judged(status("users", note="The code changed. A replay is recommended."))
    assert said(found.verdicts[0]) == "users: The code changed. A replay is recommended."


def test_more_than_a_few_findings_are_counted() -> None:
    found = judged(*(failed(f"p{number}") for number in range(MOST + 3)))
    assert (len(found.verdicts), found.more) == (MOST, 3)


@pytest.mark.parametrize(("workers", "states"), [(1, ["ok", "ok"]), (0, ["warn", "ok", "ok"])])
def test_an_empty_log_is_no_trouble(workers: int, states: list[str]) -> None:
    found = judged(status("users", "unknown" if not workers else "running"), head=0, workers=workers)
    assert found.headline == "The event log is empty."
    assert [line.state for line in found.verdicts] == states


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ([status()], None),
        ([status(), failed("a"), failed("b")], ("failed", "2 failed")),
        ([status(parked=3), status("b", parked=1)], ("warn", "4 parked")),
        ([status("a", "catching_up")], None),
    ],
)
def test_the_navigation_asks_only_for_what_needs_somebody(
    statuses: list[ProjectionStatus], words: tuple[str, str] | None
) -> None:
    assert worst(statuses) == words
