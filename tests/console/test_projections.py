"""Projections: seen, paused, resumed, failed and with parked keys."""

from __future__ import annotations

import dataclasses
import re

import pytest

from cqrs.projections.parked import ParkedKey, ParkedPage
from cqrs.runtime import Runtime
from tests.console.browser import Browser, Script, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of
from tests.console.statuses import failed, status


@pytest.fixture
def caught_up(runtime: Runtime) -> Runtime:
    open_account(runtime)
    runtime.projections.catch_up()
    return runtime


def test_a_projection_shows_three_lags_its_handlers_and_its_lease(ana: Browser, caught_up: Runtime) -> None:
    deposit(caught_up, "5")
    words = text_of(ana.get("/projections/accounts"))
    assert "Events behind 1" in words
    assert "Oldest unprocessed event" in words
    assert "Checkpoint last moved" in words
    assert "AccountOpened v1 opened creates rows 1" in words
    assert "Deposited v1 deposited 1" in words
    assert "the key is parked, all others go on" in words


def test_the_next_events_are_listed_while_it_is_behind(ana: Browser, caught_up: Runtime) -> None:
    assert "to apply" not in text_of(ana.get("/projections/accounts"))
    deposit(caught_up, "5")
    page = ana.get("/projections/accounts")
    assert "Next 1 event to apply 1 position behind" in text_of(page)
    assert "/events/2" in links_of(page)


def test_a_generation_tells_its_rows(ana: Browser, caught_up: Runtime) -> None:
    words = text_of(ana.get("/projections/accounts"))
    assert re.search(r"Kept until 1 live [\w: ]+ 1 1 0 it is replaced", words)


def test_pausing_and_resuming_come_back_with_a_sentence(ana: Browser, caught_up: Runtime) -> None:
    paused = ana.post("/projections/accounts/pause", {"reason": "  release 7 "})
    assert (paused.status_code, path_of(paused)) == (303, "/projections/accounts")
    page = text_of(ana.get("/projections/accounts"))
    assert "accounts is paused. Resume" in page
    assert "Paused by ana" in page
    assert "“release 7”" in page
    assert "accounts is paused. Resume" not in text_of(ana.get("/projections/accounts"))  # said once
    assert ana.post("/projections/accounts/resume").status_code == 303
    assert caught_up.projections.status("accounts").paused_at is None
    assert "accounts is resumed." in text_of(ana.get("/projections/accounts"))


def test_each_is_an_audit_row_with_its_reason(ana: Browser, caught_up: Runtime) -> None:
    ana.post("/projections/accounts/pause", {"reason": "release"})
    entry = caught_up.audit.page(limit=1).items[0]
    assert (entry.actor, entry.action, entry.target, entry.reason, entry.outcome) == (
        "ana", "pause", "accounts", "release", "done",
    )  # fmt: skip


def test_a_button_of_another_page_leads_back_to_it(ana: Browser, caught_up: Runtime) -> None:
    assert path_of(ana.post("/projections/accounts/pause", {"next": "/"})) == "/"
    assert path_of(ana.post("/projections/accounts/pause", {"next": "//evil.example/"})) == "/"


def test_viewers_are_refused_and_told_who_may(viewer: Script, caught_up: Runtime) -> None:
    assert viewer.post("/projections/accounts/pause").status_code == 403
    assert caught_up.projections.status("accounts").paused_at is None
    assert "refused: needs operator" in text_of(viewer.get("/projections/accounts"))


def test_a_failure_shows_what_stopped_where_and_what_can_be_done(
    ana: Browser, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = failed("accounts")
    assert stopped.failure
    here = dataclasses.replace(stopped, failure=dataclasses.replace(stopped.failure, position=1, key="a/b"))
    monkeypatch.setattr(caught_up.projections, "statuses", lambda **how: [here])
    page = ana.get("/projections/accounts")
    words = text_of(page)
    assert "at event 1. 10 events wait behind it. ValueError: <b>1.129,50</b> is no number" in words
    assert "Says Ada opened an account" in words
    assert "Retry" in words
    assert "<b>1.129" not in page.get_data(as_text=True)
    assert "/read-models/accounts/rows/a~1b" in links_of(page)
    assert '<details class="fold" open><summary>Payload' in page.get_data(as_text=True)
    assert '<details class="fold"><summary>Traceback' in page.get_data(as_text=True)


def test_an_event_that_cannot_be_read_does_not_hide_the_failure(
    ana: Browser, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caught_up.projections, "statuses", lambda **how: [failed("accounts")])
    assert "at event 4,990" in text_of(ana.get("/projections/accounts"))


def test_a_traceback_is_not_for_viewers(viewer: Script, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold values that are masked elsewhere."""
    monkeypatch.setattr(caught_up.projections, "statuses", lambda **how: [failed("accounts")])
    assert "Traceback" not in viewer.get("/projections/accounts").get_data(as_text=True)


def test_parked_keys_are_listed_and_can_be_paged(
    ana: Browser, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = ParkedKey(
        key="<i>", position=1, event_type="Deposited", error="boom\nmore", traceback=None, attempts=2, held=3
    )
    monkeypatch.setattr(caught_up.projections, "statuses", lambda **how: [status("accounts", parked=70)])
    monkeypatch.setattr(caught_up.projections, "parked", lambda name, cursor=None, limit=50: ParkedPage([key], "n"))
    page = ana.get("/projections/accounts")
    assert "<i> 1 boom 3 2 unknown" in text_of(page)
    assert "1 of 70 shown" in text_of(page)
    assert "/projections/accounts?parked=n#parked" in links_of(page)


def test_what_is_unknown_is_never_shown_as_zero(
    ana: Browser, caught_up: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = status(
        "accounts", "unknown", checkpoint=None, lag_events=None, lag_seconds=None, seconds_since_advance=None,
        rate=None, generation=None, owner=None, heartbeat_seconds=None, note="It has no rows yet.",
    )  # fmt: skip
    monkeypatch.setattr(caught_up.projections, "statuses", lambda **how: [unknown])
    words = text_of(ana.get("/projections/accounts"))
    for label in ("Events behind", "Oldest unprocessed event", "Checkpoint last moved", "Checkpoint"):
        assert f"{label} unknown" in words
    assert "It has no rows yet." in words
    assert "no worker has reported" in text_of(ana.get("/projections"))


def test_an_unknown_name_is_not_found(ana: Browser) -> None:
    assert ana.get("/projections/nope").status_code == 404
    assert ana.post("/projections/nope/pause").status_code == 404
