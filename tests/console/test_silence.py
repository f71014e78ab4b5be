"""A log to which nothing is added any more does not look healthy for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cqrs.console.silence import LEAST_EVENTS, findings
from cqrs.console.verdicts import judge
from cqrs.runtime import Runtime
from cqrs.store.reports import Rhythm
from tests.console.browser import Browser
from tests.console.ledger import open_account, text_of
from tests.console.statuses import HEAD, MOMENT, status


def rhythm(pause: float, events: int = 200) -> Rhythm:
    return Rhythm(events=events, newest=MOMENT, longest_pause_seconds=pause)


@pytest.mark.parametrize(
    ("pause", "silent", "found"),
    [
        (3.0, 30.0, False),  # ten times the longest pause, and still only half a minute
        (3.0, 600.0, True),
        (240.0, 2_000.0, False),
        (240.0, 2_400.0, True),
    ],
)
def test_only_what_is_long_for_this_log_is_told(pause: float, silent: float, found: bool) -> None:
    assert bool(findings(rhythm(pause), MOMENT + timedelta(seconds=silent))) is found


def test_a_few_events_have_no_rhythm() -> None:
    assert findings(rhythm(1.0, LEAST_EVENTS - 1), MOMENT + timedelta(days=3)) == ()
    assert findings(None, MOMENT) == ()


def test_a_silent_log_is_a_finding_beside_good_news() -> None:
    silent = findings(rhythm(3.0), MOMENT + timedelta(hours=2))
    found = judge([status()], head=HEAD, workers=1, others=silent)
    assert [verdict.state for verdict in found.verdicts] == ["warn", "ok"]
    words = "".join(span.text for span in found.verdicts[0].fact)
    assert words == "No event has been recorded for 2 h."
    assert found.verdicts[0].consequence == (
        "The longest pause among the 200 before was 3 s. Whether those who record events are at work is unknown."
    )


def test_the_overview_says_so(ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    open_account(runtime)
    monkeypatch.setattr(runtime.reports, "rhythm", lambda: rhythm(3.0))
    page = text_of(ana.get("/"))
    assert "No event has been recorded for" in page
    assert "See the last ones" in page
    assert "(None)" not in page
