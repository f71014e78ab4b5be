"""Parked keys: seen with what waits for them, tried again, passed over with a reason."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cqrs.runtime import Runtime
from tests.console.bank import Accounts, Deposited
from tests.console.browser import Browser, Script, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of


def cautious(row: Any, event: Deposited) -> None:
    if event.amount == Decimal("6.66"):
        raise ValueError("<i>6.66</i> is refused")
    row.balance += event.amount


@pytest.fixture
def parked(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Of three accounts, "a/b" has an event that cannot be applied, and one that waits behind it."""
    handlers = tuple(
        replace(each, function=cautious) if each.event is Deposited else each for each in Accounts.handlers
    )
    with monkeypatch.context() as patched:
        patched.setattr(Accounts, "handlers", handlers)
        for account in ("a/b", "2", "3"):
            open_account(runtime, account)
        deposit(runtime, "6.66", "a/b")
        deposit(runtime, "1", "a/b")
        deposit(runtime, "5", "2")
        runtime.projections.catch_up()
        assert runtime.projections.status("accounts").parked == 1
    return runtime


def still_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = tuple(
        replace(each, function=cautious) if each.event is Deposited else each for each in Accounts.handlers
    )
    monkeypatch.setattr(Accounts, "handlers", handlers)


def balance(runtime: Runtime, account: str) -> object:
    row = runtime.read_models.row("accounts", account)
    return row.values["balance"] if row else None


def test_they_are_listed_with_their_error_and_can_be_opened(ana: Browser, parked: Runtime) -> None:
    page = ana.get("/projections/accounts/parked")
    words = text_of(page)
    assert "1 key is set aside." in words
    assert "a/b 4 Deposited ValueError: <i>6.66</i> is refused" in words
    assert "<i>6.66" not in page.get_data(as_text=True)
    assert "/projections/accounts/parked?key=a%2Fb#opened" in links_of(page)
    opened = text_of(ana.get("/projections/accounts/parked?key=a%2Fb"))
    assert "Events held, in order Failed: Deposited on account-a/b 4 Deposited v1 Deposited on account-a/b 5" in opened
    assert "account-2" not in opened
    assert "/projections/accounts/parked" in links_of(ana.get("/projections/accounts"))


def test_a_key_is_tried_again_and_its_row_is_right(ana: Browser, parked: Runtime) -> None:
    answer = ana.post("/projections/accounts/parked/a~1b/retry")
    assert (answer.status_code, path_of(answer)) == (303, "/projections/accounts/parked")
    assert balance(parked, "a/b") == Decimal("7.66")
    words = text_of(ana.get("/projections/accounts/parked"))
    assert "1 key is up to date." in words
    assert "Nothing is parked." in words
    entry = parked.audit.page(limit=1).items[0]
    assert (entry.action, entry.target, entry.outcome) == ("retry", "accounts a/b", "done")
    assert ana.post("/projections/accounts/parked/a~1b/retry").status_code == 404


def test_what_fails_again_stays_parked_and_is_told(
    ana: Browser, parked: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    still_broken(monkeypatch)
    assert ana.post("/projections/accounts/parked/retry").status_code == 303
    words = text_of(ana.get("/projections/accounts/parked"))
    assert "1 failed again, the first with ValueError: <i>6.66</i> is refused." in words
    assert parked.projections.status("accounts").parked == 1


def test_skipping_needs_a_reason_and_leaves_out_one_event(
    ana: Browser, parked: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    still_broken(monkeypatch)
    refused = ana.post("/projections/accounts/parked/a~1b/skip", {"reason": " "})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.get_data(as_text=True)
    assert "Say why" in text_of(refused)
    assert parked.projections.status("accounts").parked == 1
    assert ana.post("/projections/accounts/parked/a~1b/skip", {"reason": "typo of ours"}).status_code == 303
    assert balance(parked, "a/b") == Decimal("1.00")
    entry = parked.audit.page(limit=1).items[0]
    assert (entry.action, entry.reason, entry.outcome) == ("skip", "typo of ours", "done")


@pytest.mark.parametrize("path", ["retry", "a~1b/retry", "a~1b/skip"])
def test_viewers_see_why_but_change_nothing(viewer: Script, parked: Runtime, path: str) -> None:
    assert viewer.post(f"/projections/accounts/parked/{path}").status_code == 403
    body = viewer.get("/projections/accounts/parked?key=a%2Fb").get_data(as_text=True)
    assert "is refused" in body
    assert "Traceback" not in body
    assert 'action="/projections/accounts/parked' not in body
    assert "refused: needs operator" in body


def test_programs_retry_and_skip_as_well(
    operator: Script, viewer: Script, parked: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        still_broken(patched)
        again = operator.post("/api/projections/accounts/parked/retry").json
        assert (again["released"], [key["key"] for key in again["failed"]]) == ([], ["a/b"])
        assert "traceback" not in again["failed"][0]
        assert viewer.post("/api/projections/accounts/parked/a~1b/retry").status_code == 403
        assert operator.post("/api/projections/accounts/parked/a~1b/skip").status_code == 422
        assert operator.post("/api/projections/accounts/parked/nobody/retry").status_code == 404
        skipped = operator.post("/api/projections/accounts/parked/a~1b/skip", {"reason": "typo"})
        assert (skipped.status_code, skipped.json) == (200, {"released": ["a/b"], "failed": []})
    assert balance(parked, "a/b") == Decimal("1.00")
    assert operator.post("/api/projections/nope/parked/retry").status_code == 404


def test_an_event_says_that_it_is_parked_waits_or_was_skipped(ana: Browser, parked: Runtime) -> None:
    assert "accounts parked: could not be applied" in text_of(ana.get("/events/4"))
    assert "accounts waits behind an event that is parked" in text_of(ana.get("/events/5"))
    assert "accounts applied" in text_of(ana.get("/events/6"))
    assert ana.post("/projections/accounts/parked/a~1b/skip", {"reason": "a slip"}).status_code == 303
    assert "accounts skipped by an operator" in text_of(ana.get("/events/4"))
    assert "accounts applied" in text_of(ana.get("/events/5"))
