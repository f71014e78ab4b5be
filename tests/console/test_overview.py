"""The first page."""

from __future__ import annotations

import pytest

from cqrs.clock import FixedClock
from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests.console.browser import Browser, Script
from tests.console.ledger import deposit, links_of, open_account, text_of
from tests.console.work import operation, phase


def test_an_empty_log_says_what_to_do_first(ana: Browser) -> None:
    page = ana.get("/")
    words = text_of(page)
    assert "The event log is empty." in words
    assert "No worker is running." in words
    assert "until then they are unknown, not zero" in words.lower()
    assert "/commands/OpenAccount" in links_of(page)


def test_a_living_worker_is_a_step_already_done(ana: Browser, runtime: Runtime) -> None:
    runtime.workers.beat("w1", host="here", pid=1)
    assert "1 is alive" in text_of(ana.get("/"))


def test_events_without_a_worker_are_the_headline(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    words = text_of(ana.get("/"))
    assert "No worker is running. Events are recorded, but no projection applies them" in words
    assert "silent" in words or "no worker has reported" in words


def test_what_is_caught_up_is_said_to_be(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    runtime.workers.beat("w1", host="here", pid=1)
    runtime.projections.catch_up()
    words = text_of(ana.get("/"))
    assert "accounts is caught up." in words
    assert "Ada opened an account" in words


def test_the_rate_is_known_from_the_log_before_any_sample(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    words = text_of(ana.get("/"))
    assert "Appended now 1 in the last minute" in words
    assert "peak 1/min" in words


def test_a_read_model_has_its_rows_counted(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime, "1")
    open_account(runtime, "2")
    runtime.projections.catch_up()
    assert "accounts 2 rows" in text_of(ana.get("/"))


def test_what_is_due_next_is_told_with_how_long_that_is(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    words = text_of(ana.get("/"))
    assert "Next jobs Schedules No worker is up to begin them." in words
    assert "of accounts in " in words
    assert any(link.startswith("/schedules/check-accounts") for link in links_of(ana.get("/")))


def test_what_runs_shows_how_far_it_is(ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    open_account(runtime)
    runtime.projections.catch_up()
    facts = {"phases": [phase("build", 0)], "done": 61, "total": 100, "rate": 4.0}
    monkeypatch.setattr(runtime.operations, "active", lambda: [operation(**facts)])
    words = text_of(ana.get("/"))
    assert "Replaying accounts 61 %" in words
    assert "building · 61 of 100 · 4/s 9.8 s left" in words
    assert "building, 61 %, 9.8 s left" in words  # beside its projection


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\u202eevil", "a" * 500])
def test_hostile_words_of_operators_stay_text(ana: Browser, runtime: Runtime, text: str) -> None:
    open_account(runtime)
    ana.post("/projections/accounts/pause", {"reason": text})
    page = ana.get("/")
    assert "<script>alert" not in page.get_data(as_text=True)
    assert page.status_code == 200


def test_what_operators_did_is_told_with_their_reasons(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    ana.post("/projections/accounts/pause", {"reason": "release"})
    assert "ana paused accounts “release”" in text_of(ana.get("/"))


def test_buttons_are_only_drawn_for_those_who_may_use_them(ana: Browser, runtime: Runtime, viewer: Script) -> None:
    open_account(runtime)
    assert 'action="/projections/accounts/pause"' in ana.get("/").get_data(as_text=True)
    assert "/pause" not in viewer.get("/").get_data(as_text=True)


def test_buttons_come_back_to_the_page_they_are_on(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    body = ana.get("/").get_data(as_text=True)
    assert '<input type="hidden" name="next" value="/"><button class="button s">Pause</button>' in body


def test_every_link_leads_somewhere(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    deposit(runtime, "5")
    for path in sorted(set(links_of(ana.get("/")))):
        assert ana.get(path).status_code == 200, path


def test_a_poll_of_what_has_not_changed_is_answered_304(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the time stands still: it goes on in slots, and a page is drawn again in each."""
    monkeypatch.setattr(runtime, "clock", FixedClock(runtime.clock()))
    open_account(runtime)
    tag = ana.get("/").headers["HX-PTag"]
    assert ana.get("/", headers={"HX-PTag": tag, "HX-Request": "true"}).status_code == 304
    deposit(runtime, "5")
    assert ana.get("/", headers={"HX-PTag": tag, "HX-Request": "true"}).status_code == 200


def test_a_poll_tells_the_age_of_what_a_page_shows(ana: Browser) -> None:
    """The live region asks for its own address, and is named as the target."""
    body = ana.get("/").get_data(as_text=True)
    assert '<main id="live"' in body
    assert 'hx-get=""' in body
    assert Role.OPERATOR.value in body
