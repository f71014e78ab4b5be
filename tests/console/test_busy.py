"""More is recorded than usual: it is said since when, by what measure and by whom, and only where that was counted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask

from cqrs.console.busy import busy
from cqrs.identifiers import new_id
from cqrs.runtime import Runtime
from cqrs.store.records import NewEvent
from tests.console.browser import Browser
from tests.console.ledger import links_of, text_of

QUIET = [4] * 57


def record(runtime: Runtime, actor: str, count: int) -> None:
    for _ in range(count):
        event = NewEvent(
            type="Deposited", schema_version=1, data=b'{"account_id":"1","amount":"1.00"}', event_id=new_id(),
            correlation_id=new_id(), causation_id=None, actor=actor,
        )  # fmt: skip
        runtime.events.append("account-1", [event])


@pytest.mark.parametrize(
    ("counts", "minutes"),
    [
        ([*QUIET, 31, 31, 31], 3),
        ([*QUIET[:50], *[40] * 10], 10),
        ([*[0] * 57, 31, 99, 31], 3),
        ([*QUIET, 31, 31, 30], None),
        ([*QUIET, 4, 99, 99], None),
        ([*QUIET, 9, 9, 9], None),
        ([40] * 60, None),
        ([*[40] * 30, *[90] * 30], None),
    ],
)
def test_it_takes_three_busy_minutes_up_to_now(
    app: Flask, runtime: Runtime, counts: list[int], minutes: int | None
) -> None:
    record(runtime, "b2b-import", 3)
    now = datetime.now(UTC)
    with app.test_request_context():
        found = busy(counts, now)
    assert (None if found is None else round((now - found.since).total_seconds() / 60)) == minutes


def test_who_records_most_of_it_is_told_with_what_it_was_counted_of(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Above normal" not in text_of(ana.get("/"))
    record(runtime, "b2b-import", 5)
    record(runtime, "ben", 2)
    monkeypatch.setattr("cqrs.store.reports.Reports.appended", lambda *_: [*QUIET, 40, 50, 60])
    page = ana.get("/")
    words = text_of(page)
    assert ": more than 30 events each minute, the median of the last hour is 4. b2b-import" in words
    assert "b2b-import recorded 71 % of the 7 events since." in words
    assert [link for link in links_of(page) if link.startswith("/events?actor=b2b-import&from=2")]
