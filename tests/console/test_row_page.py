"""A row and how it came to be: what its events say, what is stored, what is still to come."""

from __future__ import annotations

import pytest
from flask import Flask

from cqrs.errors import HistoryTooLong, NotKeyed
from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests.console.browser import Browser, Script, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of
from tests.console.work import carry_out

ROW = "/read-models/accounts/rows/1"


@pytest.fixture(autouse=True)
def history(runtime: Runtime) -> None:
    open_account(runtime, "1")
    deposit(runtime, "5")
    deposit(runtime, "2.50")
    runtime.projections.catch_up()


def sql(runtime: Runtime, statement: str) -> None:
    with runtime.read.write() as connection:
        connection.exec_driver_sql(statement)


def test_a_row_that_is_as_its_events_say(ana: Browser) -> None:
    page = ana.get(ROW)
    words = text_of(page)
    assert "The stored row is exactly what its events imply up to checkpoint 3. Derived again just now from 3" in words
    assert "4 of 4 columns equal." in words
    assert "balance 7.50 equal Deposited 3" in words
    assert 'owner "Ada" equal AccountOpened 1' in words
    assert "balance 5.00 → 7.50" in words
    assert "row inserted" in words
    assert "Repair row" not in words
    assert {"/events/1", "/events/2", "/events/3"} <= set(links_of(page))
    assert any(link.startswith("/streams/account-1") for link in links_of(page))


def test_what_is_sensitive_stays_hidden_in_row_and_history(ana: Browser, runtime: Runtime) -> None:
    sql(runtime, "UPDATE accounts__g1 SET iban = 'XX 99'")
    words = text_of(ana.get(ROW))
    assert "1 of 4 columns is not what the events imply" in words
    assert "XX 99" not in words
    assert "DE00" not in words


def test_a_row_that_somebody_changed_is_repaired_from_its_page(ana: Browser, runtime: Runtime) -> None:
    sql(runtime, "UPDATE accounts__g1 SET balance = 9")
    words = text_of(ana.get(ROW))
    assert "1 of 4 columns is not what the events imply up to checkpoint 3." in words
    assert "balance 9.00 7.50 Deposited 3" in words
    started = ana.post(f"{ROW}/repair")
    assert "/operations/" in path_of(started)
    assert carry_out(runtime).state == "succeeded"
    assert "exactly what its events imply" in text_of(ana.get(ROW))


def test_a_row_that_is_missing_and_one_that_nobody_expects(ana: Browser, runtime: Runtime) -> None:
    sql(runtime, "UPDATE accounts__g1 SET account_id = 'x'")
    assert "The table has no row, and its events imply one up to checkpoint 3." in text_of(ana.get(ROW))
    words = text_of(ana.get("/read-models/accounts/rows/x"))
    assert "No event made this row. Something else wrote it." in words
    assert "Repair row" in words
    assert ana.get("/read-models/accounts/rows/y").status_code == 404


def test_a_history_is_paged_from_both_ends(ana: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs.console.row_page.SHOWN", 2)
    newest = ana.get(ROW)
    assert "2 of 3 applied events shown" in text_of(newest)
    (older,) = (link for link in links_of(newest) if "before=2" in link)
    assert "row inserted" in text_of(ana.get(older.partition("#")[0]))
    oldest = ana.get(f"{ROW}?order=oldest")
    assert "row inserted" in text_of(oldest)
    (later,) = (link for link in links_of(oldest) if "after=2" in link)
    words = text_of(ana.get(later.partition("#")[0]))
    assert "balance 5.00 → 7.50" in words
    assert "row inserted" not in words
    assert ana.get(f"{ROW}?order=odd").status_code == 422


def test_events_to_come_are_told_with_what_holds_them(ana: Browser, runtime: Runtime) -> None:
    runtime.projections.pause("accounts", actor="ana")
    deposit(runtime, "1")
    words = text_of(ana.get(ROW))
    assert "1 later event is not applied yet. The projection is paused." in words
    assert "not applied yet: the projection is paused" in words


def test_a_viewer_is_told_who_may(app: Flask, runtime: Runtime) -> None:
    sql(runtime, "UPDATE accounts__g1 SET balance = 9")
    viktor = Browser(app, "viktor", Role.VIEWER)
    assert "Repairing: refused: needs operator." in text_of(viktor.get(ROW))
    assert viktor.post(f"{ROW}/repair").status_code == 403


def test_rows_events_and_streams_lead_to_each_other(ana: Browser) -> None:
    assert "/events/3" in links_of(ana.get(ROW))
    assert ROW in links_of(ana.get("/events/3"))
    assert ROW in links_of(ana.get("/streams/account-1"))


def test_a_row_with_too_long_a_history_is_shown_with_a_check_and_a_repair_instead(
    ana: Browser, viewer: Script, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, key: str, **_: object) -> None:
        raise HistoryTooLong(name=name, events="60,000", most="50,000")

    monkeypatch.setattr(runtime, "explain", refuse)
    page = ana.get(ROW)
    words = text_of(page)
    assert "The row of accounts with this key has 60,000 events: more than 50,000 are not derived for a look" in words
    assert "balance 7.50" in words
    assert "/projections/accounts" in links_of(page)
    assert f'action="{ROW}/repair"' in page.get_data(as_text=True)
    answer = viewer.get(f"/api{ROW}/explain")
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "history_too_long")


def test_a_row_nobody_can_derive_is_shown_with_what_is_not_possible(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, key: str, **_: object) -> None:
        raise NotKeyed(projection=name)

    monkeypatch.setattr(runtime, "explain", refuse)
    words = text_of(ana.get(ROW))
    assert "Whether this row is as its events say cannot be told." in words
    assert "accounts is a SQL projection" in words
    assert "balance 7.50" in words
    assert "Repair row" not in words
    assert ana.get("/read-models/accounts/rows/nobody").status_code == 404
