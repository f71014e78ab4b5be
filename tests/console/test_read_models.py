"""Rows as readers see them."""

from __future__ import annotations

import pytest

from cqrs.runtime import Runtime
from tests.console.browser import Browser, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of


@pytest.fixture
def history(runtime: Runtime) -> Runtime:
    for number, owner in enumerate(("Ada", "Grace", "Adele", "<b>Eve</b>"), start=1):
        open_account(runtime, str(number), owner)
    deposit(runtime, "1250.50", "2")
    runtime.projections.catch_up()
    return runtime


def rows_of(words: str) -> str:
    return words.rpartition("iban balance")[2].partition("shown")[0]


def test_the_list_says_how_far_each_one_is(ana: Browser, history: Runtime) -> None:
    deposit(history, "1")
    words = text_of(ana.get("/read-models"))
    assert "accounts generation 1 running 5 1 account_id owner, iban, balance" in words


def test_rows_come_with_their_count_and_the_position_they_are_as_of(ana: Browser, history: Runtime) -> None:
    words = text_of(ana.get("/read-models/accounts"))
    assert "4 rows as of position 5 sorted by key" in words
    assert "2 Grace" in words
    assert "1,250.50" in words
    assert "4 of 4 shown" in words


def test_values_are_text_and_what_is_sensitive_is_masked(ana: Browser, history: Runtime) -> None:
    body = ana.get("/read-models/accounts").get_data(as_text=True)
    assert "&lt;b&gt;Eve&lt;/b&gt;" in body
    assert "DE00 1234" not in body
    assert "DE00 1234" not in ana.get("/read-models/accounts/rows/1").get_data(as_text=True)


def test_filters_are_said_and_can_be_taken_away(ana: Browser, history: Runtime) -> None:
    page = ana.get("/read-models/accounts?owner=Ad*&balance=0")
    words = text_of(page)
    assert "2 rows where owner starts with Ad remove and balance is 0 remove" in words
    assert "Grace" not in rows_of(words)
    assert {"/read-models/accounts?owner=Ad%2A", "/read-models/accounts?balance=0"} <= set(links_of(page))
    assert "No row matches." in text_of(ana.get("/read-models/accounts?owner=Nobody"))


def test_rows_are_sorted_by_any_column_both_ways(ana: Browser, history: Runtime) -> None:
    page = ana.get("/read-models/accounts?sort=-balance")
    assert rows_of(text_of(page)).startswith(" ↓ 2 Grace")
    assert 'aria-sort="descending"' in page.get_data(as_text=True)
    assert "/read-models/accounts?sort=balance" in links_of(page)
    assert "sorted by balance, largest first" in text_of(page)


def test_rows_go_on_by_key(ana: Browser, runtime: Runtime) -> None:
    for number in range(60):
        open_account(runtime, f"{number:03}")
    runtime.projections.catch_up()
    first = ana.get("/read-models/accounts?sort=owner")
    assert "50 of 60 shown" in text_of(first)
    following = next(link for link in links_of(first) if "cursor=" in link)
    second = ana.get(following)
    assert "10 of 60 shown" in text_of(second)
    assert "/read-models/accounts?sort=owner" in links_of(second)


def test_fields_left_empty_do_not_make_the_address_longer(ana: Browser, history: Runtime) -> None:
    answer = ana.get("/read-models/accounts?account_id=&owner=Ada&iban=&balance=")
    assert path_of(answer) == "/read-models/accounts?owner=Ada"


@pytest.mark.parametrize("query", ["balance=much", "nope=1", "sort=nope", "cursor=nope", "owner=a%00b"])
def test_a_filter_that_cannot_be_used_says_why(ana: Browser, history: Runtime, query: str) -> None:
    page = ana.get(f"/read-models/accounts?{query}")
    assert page.status_code == 422
    assert "no rows are shown" in text_of(page)
    assert query.partition("=")[0] in text_of(page)


def test_rows_that_stay_behind_say_why(ana: Browser, history: Runtime) -> None:
    deposit(history, "1")
    assert "Rows are as of" not in text_of(ana.get("/read-models/accounts"))  # a moment behind is no trouble
    history.projections.pause("accounts", actor="ana")
    words = text_of(ana.get("/read-models/accounts"))
    assert "because the projection is paused" in words
    assert "Rows are as of checkpoint 5. 1 later event is not in them" in words


def test_a_row_leads_to_the_event_that_set_each_column_last(ana: Browser, history: Runtime) -> None:
    page = ana.get("/read-models/accounts/rows/2")
    words = text_of(page)
    assert "balance 1250.50 equal Deposited 5" in words
    assert "/events/5" in links_of(page)


def test_a_key_with_a_slash_is_an_address(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime, "a/~b")
    runtime.projections.catch_up()
    page = ana.get("/read-models/accounts")
    assert "/read-models/accounts/rows/a~1~0b" in links_of(page)
    assert "a/~b" in text_of(ana.get("/read-models/accounts/rows/a~1~0b"))


def test_what_is_not_there_is_not_found(ana: Browser, history: Runtime) -> None:
    assert ana.get("/read-models/nope").status_code == 404
    assert ana.get("/read-models/accounts/rows/99").status_code == 404
    assert ana.get("/read-models/nope/rows/1").status_code == 404


def test_no_rows_yet_is_not_a_filter_without_a_match(ana: Browser) -> None:
    assert "No rows yet." in text_of(ana.get("/read-models/accounts"))
