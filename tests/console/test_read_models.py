"""Rows as readers see them."""

from __future__ import annotations

import re
import shlex
from html import unescape

import pytest

from cqrs.runtime import Runtime
from tests.console.browser import Browser, Script, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of
from tests.console.statuses import status


@pytest.fixture
def history(runtime: Runtime) -> Runtime:
    for number, owner in enumerate(("Ada", "Grace", "Adele", "<b>Eve</b>"), start=1):
        open_account(runtime, str(number), owner)
    deposit(runtime, "1250.50", "2")
    runtime.projections.catch_up()
    return runtime


def rows_of(words: str) -> str:
    return words.partition("last event")[2].partition("shown")[0]


def test_the_list_says_how_far_each_one_is(ana: Browser, history: Runtime) -> None:
    deposit(history, "1")
    words = text_of(ana.get("/read-models"))
    assert "accounts generation 1 running 4 5 1 account_id owner, iban, balance" in words


def test_rows_come_with_their_count_and_the_position_they_are_as_of(ana: Browser, history: Runtime) -> None:
    words = text_of(ana.get("/read-models/accounts"))
    assert re.search(r"4 rows as of checkpoint 5, recorded [\w: ]+ sorted by key", words)
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
    assert "2 rows where owner begins with Ad remove owner begins with and balance is 0 remove balance is" in words
    assert "Grace" not in rows_of(words)
    assert {"/read-models/accounts?owner=Ad%2A", "/read-models/accounts?balance=0"} <= set(links_of(page))
    assert "No row matches." in text_of(ana.get("/read-models/accounts?owner=Nobody"))


def test_rows_are_sorted_by_any_column_both_ways(ana: Browser, history: Runtime) -> None:
    page = ana.get("/read-models/accounts?sort=-balance")
    assert rows_of(text_of(page)).startswith(" 2 Grace")
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


@pytest.mark.parametrize(
    ("form", "address"),
    [
        ({"_column": "owner", "_is": "begins", "_value": "Ad"}, "owner.begins=Ad"),
        ({"_column": "balance", "_is": "from", "_value": "10"}, "balance.from=10"),
        ({"_column": "owner", "_is": "is", "_value": "Ada & Eve"}, "owner=Ada+%26+Eve"),
        ({"_column": "owner", "_is": "not_null", "_value": ""}, "owner.null=0"),
    ],
)
def test_the_form_adds_a_condition_to_the_address(
    ana: Browser, history: Runtime, form: dict[str, str], address: str
) -> None:
    answer = ana.get("/read-models/accounts", query_string={"balance.to": "9", "sort": "-owner", "cursor": "x", **form})
    assert path_of(answer) == f"/read-models/accounts?balance.to=9&sort=-owner&{address}"


def test_ranges_and_parts_are_said_in_words(ana: Browser, history: Runtime) -> None:
    words = text_of(ana.get("/read-models/accounts?balance.from=1000&owner.contains=RAC"))
    assert "1 row where balance is at least 1000 remove" in words
    assert "and owner contains RAC" in words
    assert "Grace" in rows_of(words)
    assert "Adele" not in rows_of(words)


def test_what_is_masked_cannot_be_guessed_by_a_filter(ana: Browser, viewer: Script, history: Runtime) -> None:
    for query in ("iban=DE00+1234", "iban.begins=DE"):
        assert "rows cannot be found by it" in text_of(ana.get(f"/read-models/accounts?{query}"))
        assert viewer.get(f"/api/read-models/accounts?{query}").status_code == 422


@pytest.mark.parametrize("sort", ["iban", "-iban"])
def test_nor_by_their_order_and_where_the_next_page_goes_on(
    ana: Browser, viewer: Script, history: Runtime, sort: str
) -> None:
    answer = viewer.get(f"/api/read-models/accounts?sort={sort}&limit=1")
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["sort"])
    assert not any("sort=iban" in link for link in links_of(ana.get("/read-models/accounts")))
    turned = ana.get(f"/read-models/accounts?owner=Ada&sort={sort}")
    assert path_of(turned) == "/read-models/accounts?owner=Ada"
    assert "rows are not sorted by it" in text_of(ana.get(path_of(turned)))


def test_a_page_names_its_own_answer_for_programs(ana: Browser, viewer: Script, history: Runtime) -> None:
    page = ana.get("/read-models/accounts?owner=Ada&sort=-balance")
    (data,) = {link for link in links_of(page) if link.startswith("/api/") and "csv" not in link}
    assert [row["owner"] for row in viewer.get(data).json["rows"]] == ["Ada"]
    assert "curl -H" in text_of(page)
    assert f"'http://localhost{data}'" in text_of(page)


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "'; rm -rf ~ #", '"', "\u202e"])
def test_hostile_texts_in_a_filter_stay_text(ana: Browser, history: Runtime, text: str) -> None:
    page = ana.get("/read-models/accounts", query_string={"owner": text})
    assert page.status_code == 200
    assert "<img" not in page.get_data(as_text=True)
    shell = re.search(r"curl -H [^<]*", unescape(page.get_data(as_text=True)))
    assert shell
    assert len(shlex.split(shell[0])) == 4  # whatever was typed is one word of the shell


def test_rows_that_were_not_looked_at_are_said_to_be(
    ana: Browser, history: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cqrs.readmodels.window_pages.WINDOW", 2)
    page = ana.get("/read-models/accounts?owner=Adele")
    words = text_of(page)
    assert "Not every row was looked at: only the first 2 by key." in words
    assert "No row matches so far." in words
    assert "Adele" in rows_of(text_of(ana.get(next(link for link in links_of(page) if "cursor=" in link))))


def test_events_that_wait_for_a_parked_key_are_marked(
    ana: Browser, history: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cqrs.console.row_list._held", lambda model: {"2": 3})
    monkeypatch.setattr(history.projections, "statuses", lambda **how: [status("accounts", parked=1)])
    assert "1,250.50 5 3 waiting" in text_of(ana.get("/read-models/accounts"))


@pytest.mark.parametrize(
    "query",
    [
        "balance=much",
        "_column=owner&_is=is",
        "_column=owner&_is=near&_value=1",
        "nope=1",
        "sort=nope",
        "cursor=nope",
        "owner=a%00b",
    ],
)
def test_a_filter_that_cannot_be_used_says_why(ana: Browser, history: Runtime, query: str) -> None:
    page = ana.get(f"/read-models/accounts?{query}")
    assert page.status_code == 422
    assert "no rows are shown" in text_of(page)
    assert query.partition("=")[0].removeprefix("_") in text_of(page).lower()


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


def test_a_row_whose_key_means_something_in_addresses_is_derived_again(ana: Browser, history: Runtime) -> None:
    open_account(history, "100%3F?")
    history.projections.catch_up()
    address = "/read-models/accounts/rows/100%253F%3F"
    page = ana.get(address)
    assert "Derive again" in text_of(page)
    assert address in links_of(page)
