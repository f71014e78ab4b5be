"""Forms made from commands: filled in, tried, sent."""

from __future__ import annotations

import re

import pytest

from cqrs.runtime import Runtime
from tests.console.browser import Browser, Script, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of


def hidden(body: str, name: str) -> str | None:
    found = re.search(rf'name="{name}" value="([^"]*)"', body)
    return found[1] if found else None


def test_every_command_is_listed_with_its_fields(ana: Browser) -> None:
    words = text_of(ana.get("/commands"))
    assert "OpenAccount Opens an account. account_id, owner, iban?, pass_phrase?" in words


def test_a_form_knows_the_types_and_hides_secrets(ana: Browser) -> None:
    body = ana.get("/commands/OpenAccount").get_data(as_text=True)
    assert 'name="pass_phrase" value="" type=password' in body
    assert "optional" in body
    amount = ana.get("/commands/Deposit").get_data(as_text=True)
    assert "inputmode=decimal" in amount
    assert "0.01 or more" in amount


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_sent(ana: Browser, runtime: Runtime) -> None:
    answer = ana.post("/commands/Deposit", {"account_id": "", "amount": "12,50"})
    assert answer.status_code == 422
    words = text_of(answer)
    assert "2 fields need your attention. Nothing was sent." in words
    assert "account_id : This field is required." in words
    body = answer.get_data(as_text=True)
    assert 'value="12,50"' in body
    assert body.count("aria-invalid=true") == 2
    assert 'aria-describedby="field-amount-error"' in body
    assert 'role="alert" tabindex="-1" autofocus id="summary"' in body
    assert runtime.events.head() == 0


def test_what_a_handler_refuses_stands_at_its_field(ana: Browser) -> None:
    answer = ana.post("/commands/Deposit", {"account_id": "9", "amount": "1"})
    assert answer.status_code == 422
    assert "There is no such account." in text_of(answer)


def test_secrets_are_not_sent_back(ana: Browser) -> None:
    answer = ana.post("/commands/OpenAccount", {"account_id": "", "owner": "Ada", "pass_phrase": "open sesame"})
    assert answer.status_code == 422
    assert "open sesame" not in answer.get_data(as_text=True)


def test_a_field_the_command_does_not_have_is_refused(ana: Browser) -> None:
    answer = ana.post("/commands/Deposit", {"account_id": "1", "amount": "1", "nope": "1"})
    assert answer.status_code == 422
    assert "nope" in text_of(answer)


def test_sending_leads_to_what_it_recorded(ana: Browser, runtime: Runtime) -> None:
    answer = ana.post("/commands/OpenAccount", {"account_id": "1", "owner": "Ada"})
    assert answer.status_code == 303
    page = ana.get(path_of(answer))
    words = text_of(page)
    assert "OpenAccount was accepted. 1 event at position 1." in words
    assert "Accepted, 1 event recorded" in words
    assert "Ada opened an account AccountOpened at position 1" in words
    assert {"/events/1", "/streams/account-1"} <= set(links_of(page))
    assert runtime.events.head() == 1
    again = text_of(ana.get(path_of(answer)))
    assert "Accepted, 1 event recorded" in again  # the address can be shared


def test_the_same_form_sent_twice_counts_once(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    key = hidden(ana.get("/commands/Deposit").get_data(as_text=True), "idempotency_key")
    assert key
    form = {"account_id": "1", "amount": "5", "idempotency_key": key}
    first, second = ana.post("/commands/Deposit", form), ana.post("/commands/Deposit", form)
    assert path_of(first) == path_of(second)
    assert runtime.events.head() == 2
    assert "nothing was recorded twice" in text_of(ana.get(path_of(second)))


def test_one_key_for_two_different_forms_is_refused_and_replaced(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    form = {"account_id": "1", "amount": "5", "idempotency_key": "k-1"}
    ana.post("/commands/Deposit", form)
    answer = ana.post("/commands/Deposit", {**form, "amount": "6"})
    assert answer.status_code == 422
    assert "This form was already sent." in text_of(answer)
    assert hidden(answer.get_data(as_text=True), "idempotency_key") not in (None, "k-1")


def test_a_dry_run_shows_the_events_and_records_nothing(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    answer = ana.post("/commands/Deposit", {"account_id": "1", "amount": "5", "dry_run": "1"})
    assert answer.status_code == 200
    words = text_of(answer)
    assert "Would be accepted and record 1 event." in words
    assert "Event Deposited Stream account-1 @2 Read models accounts" in words
    assert runtime.events.head() == 1
    assert not runtime.audit.page(action="command").items
    assert 'value="5"' in answer.get_data(as_text=True)


def test_what_was_seen_in_a_dry_run_is_what_is_overwritten(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    form = {"account_id": "1", "amount": "5"}
    tried = ana.post("/commands/Deposit", {**form, "dry_run": "1"}).get_data(as_text=True)
    seen = {name: hidden(tried, name) or "" for name in ("expected_stream", "expected_version")}
    assert seen == {"expected_stream": "account-1", "expected_version": "1"}
    deposit(runtime, "1")
    answer = ana.post("/commands/Deposit", {**form, **seen})
    assert answer.status_code == 409
    assert "account-1 is at version 2, not 1." in text_of(answer)
    assert "/streams/account-1" in links_of(answer)
    assert hidden(answer.get_data(as_text=True), "expected_version") is None
    other = ana.post("/commands/OpenAccount", {"account_id": "7", "owner": "Eve", **seen})
    assert other.status_code == 303  # the version was that of another stream


@pytest.mark.parametrize("version", ["x", "-1", "99999999999999999999"])
def test_a_broken_expected_version_is_refused(ana: Browser, runtime: Runtime, version: str) -> None:
    form = {"account_id": "1", "owner": "Ada", "expected_stream": "account-1", "expected_version": version}
    assert ana.post("/commands/OpenAccount", form).status_code == 422
    assert runtime.events.head() == 0


def test_the_address_may_fill_in_fields(ana: Browser) -> None:
    body = ana.get("/commands/Deposit?account_id=42&amount=&nope=1").get_data(as_text=True)
    assert 'name="account_id" value="42"' in body


def test_sending_is_an_audit_row_and_shows_as_recently_sent(ana: Browser) -> None:
    ana.post("/commands/OpenAccount", {"account_id": "1", "owner": "Ada"})
    ana.post("/commands/OpenAccount", {"account_id": "", "owner": ""})
    words = text_of(ana.get("/commands/OpenAccount"))
    assert re.search(r"(just now|\d+ s ago) ana refused (just now|\d+ s ago) ana done", words)
    assert "account_id: This field is required." in text_of(ana.get("/audit?action=command"))


def test_viewers_read_forms_and_are_told_who_may_send(viewer: Script, runtime: Runtime) -> None:
    page = viewer.get("/commands/OpenAccount")
    assert "refused: needs operator" in text_of(page)
    assert "Send OpenAccount" not in text_of(page)
    assert viewer.post("/commands/OpenAccount").status_code == 403


def test_an_unknown_command_is_not_found(ana: Browser) -> None:
    assert ana.get("/commands/Nope").status_code == 404
    assert ana.post("/commands/Nope").status_code == 404


def test_a_correlation_nobody_has_shows_no_events(ana: Browser) -> None:
    assert "Accepted, no event recorded" in text_of(ana.get("/commands/Deposit?sent=nope"))
