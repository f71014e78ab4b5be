"""The trail of what people did, as a page."""

from __future__ import annotations

from flask import Flask

from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests.console.browser import Browser
from tests.console.ledger import links_of, open_account, text_of


def test_deeds_are_sentences_with_who_and_why(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    ana.post("/projections/accounts/pause", {"reason": "release"})
    page = ana.get("/audit")
    words = text_of(page)
    assert "ana operator, 127.0.0.1 Paused accounts release done" in words
    assert "Signed in none given done" in words
    assert "/projections/accounts" in links_of(page)


def test_what_was_refused_is_told_as_an_attempt(app: Flask, ana: Browser) -> None:
    vera = Browser(app, "vera", Role.VIEWER)
    vera.post("/projections/accounts/pause")
    assert "vera viewer, 127.0.0.1 Tried to pause accounts Pause needs the role operator" in text_of(ana.get("/audit"))


def test_a_target_that_does_not_exist_is_no_link(ana: Browser) -> None:
    ana.post("/projections/nope/pause")
    page = ana.get("/audit")
    assert "Tried to pause nope" in text_of(page)
    assert "/projections/nope" not in links_of(page)


def test_entries_are_filtered_by_the_address(ana: Browser) -> None:
    ana.post("/projections/accounts/pause")
    words = text_of(ana.get("/audit?action=pause&actor=ana"))
    assert "Entries by ana of action pause, newest first." in words
    assert "Signed in" not in words
    assert "No entry matches." in text_of(ana.get("/audit?actor=nobody"))


def test_older_entries_are_a_page_of_their_own(ana: Browser, runtime: Runtime) -> None:
    for number in range(55):
        runtime.audit.record(actor="bot", role="admin", address="", action="pause", target=f"p{number}", outcome="done")
    first = ana.get("/audit?actor=bot")
    assert "50 shown" in text_of(first)
    (older,) = [link for link in links_of(first) if "before=" in link]
    second = ana.get(older)
    assert "5 shown" in text_of(second)
    assert "/audit?actor=bot" in links_of(second)


def test_a_hostile_target_stays_text(ana: Browser, runtime: Runtime) -> None:
    runtime.audit.record(
        actor="<i>", role="", address="", action="<u>", target="<b>{target}", outcome="done", reason="<s>"
    )
    body = ana.get("/audit").get_data(as_text=True)
    for markup in ("<i>", "<u>", "<s>", "<b>{"):
        assert markup not in body


def test_a_broken_cursor_is_refused(ana: Browser) -> None:
    assert ana.get("/audit?before=x").status_code == 422
