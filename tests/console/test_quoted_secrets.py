"""An error quotes what it was raised for: what is masked there is masked in the error, too, wherever it is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from cqrs.messages import MASK
from cqrs.runtime import Runtime
from cqrs.workers.operation_runner import OperationRunner
from tests.console.bank import AccountOpened, Accounts, Deposited
from tests.console.browser import Browser, Script

IBAN = "DE00 4012 8888"


def quotes_its_event(row: Any, event: AccountOpened) -> None:
    row.balance = int(event.iban)


def quotes_its_row(row: Any, event: Deposited) -> None:
    row.balance += int(row.iban)


@pytest.fixture(params=["park", "stop"])
def failing(request: pytest.FixtureRequest, runtime: Runtime, operator: Script, monkeypatch: pytest.MonkeyPatch) -> str:
    """The second account cannot be opened, and nothing can be paid into the first; the projection stops or parks."""
    operator.send("OpenAccount", account_id="1", owner="Ana", iban=IBAN)
    runtime.projections.catch_up()
    broken = {AccountOpened: quotes_its_event, Deposited: quotes_its_row}
    handlers = tuple(replace(each, function=broken[each.event]) for each in Accounts.handlers)
    monkeypatch.setattr(Accounts, "handlers", handlers)
    monkeypatch.setattr(Accounts, "on_error", request.param)
    operator.send("Deposit", account_id="1", amount="1.00")
    operator.send("OpenAccount", account_id="2", owner="Bob", iban=IBAN)
    runtime.projections.catch_up()
    return str(request.param)


def test_no_page_and_no_answer_tells_it(
    app: Flask, ana: Browser, viewer: Script, runtime: Runtime, failing: str, caplog: pytest.LogCaptureFixture
) -> None:
    pages = ["/", "/projections/accounts", "/projections/accounts/parked", "/projections/accounts/failures"]
    pages += [f"/read-models/accounts/rows/{key}" for key in "12"]
    pages += [f"/projections/accounts/parked?key={key}" for key in "12"] if failing == "park" else []
    answers = ["/api/projections/accounts", "/api/projections/accounts/parked", "/api/projections"]
    answers += ["/api/read-models/accounts/rows/1/explain", "/api/projections/accounts/parked?format=csv"]
    told = [ana.get(page).get_data(as_text=True) for page in pages]
    told += [viewer.get(answer).get_data(as_text=True) for answer in answers]
    assert not [page for page, text in zip(pages + answers, told, strict=True) if IBAN in text]
    assert any(f"invalid literal for int() with base 10: &#39;{MASK}" in text for text in told), "the rest is told"
    assert IBAN not in caplog.text


def test_a_replay_and_a_check_do_not_tell_it(operator: Script, runtime: Runtime, failing: str) -> None:
    for asked, body in (("replays", {}), ("checks", {"level": "full"})):
        operator.post(f"/api/projections/accounts/{asked}", body)
        OperationRunner(runtime.operations, runtime.operation_handlers, "worker").step()
    operations = operator.get("/api/operations").get_data(as_text=True)
    assert (MASK in operations) is (failing == "stop")
    checks = operator.get("/api/checks").get_data(as_text=True)
    assert IBAN not in operations + checks
