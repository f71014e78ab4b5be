"""The jump box: whatever can be named is one line away."""

from __future__ import annotations

import pytest

from cqrs.console.destinations import LONGEST
from cqrs.runtime import Runtime
from tests.console.browser import Browser, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of


@pytest.fixture
def opened(runtime: Runtime) -> Runtime:
    open_account(runtime, "A 7/x")
    runtime.projections.catch_up()
    return runtime


def target(ana: Browser, typed: str) -> str:
    answer = ana.get("/jump", query_string={"q": typed})
    assert answer.status_code == 302, text_of(answer)
    return path_of(answer)


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        (" 1 ", "/events/1"),
        ("account-A 7/x", "/streams/account-A%207~1x"),
        ("Audit log", "/audit"),
        ("read models", "/read-models"),
        ("Deposit", "/commands/Deposit"),
        ("AccountOpened", "/events?type=AccountOpened"),
        ("account-A", "/streams/account-A%207~1x"),
    ],
)
def test_a_name_leads_straight_to_what_has_it(ana: Browser, opened: Runtime, typed: str, leads_to: str) -> None:
    assert target(ana, typed) == leads_to


def test_an_event_is_found_by_its_position_with_commas_and_by_its_id(ana: Browser, opened: Runtime) -> None:
    (event,) = opened.events.read_all(limit=1)
    assert target(ana, event.event_id) == "/events/1"
    assert target(ana, "0,001") == "/events/1"


def test_a_correlation_id_leads_to_its_events(ana: Browser, opened: Runtime) -> None:
    (event,) = opened.events.read_all(limit=1)
    assert target(ana, event.correlation_id) == f"/events?correlation_id={event.correlation_id}"


def test_what_several_things_are_called_is_asked_back(ana: Browser, opened: Runtime) -> None:
    page = ana.get("/jump?q=accounts")
    assert page.status_code == 200
    assert "“accounts” can be 2 things" in text_of(page)
    assert {"/projections/accounts", "/read-models/accounts"} <= set(links_of(page))


def test_an_id_without_its_category_finds_stream_and_row(ana: Browser, opened: Runtime) -> None:
    page = ana.get("/jump", query_string={"q": "A 7/x"})
    assert {"/streams/account-A%207~1x", "/read-models/accounts/rows/A%207~1x"} <= set(links_of(page))


def test_a_number_that_is_a_position_and_a_key_is_both(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime, "2")
    deposit(runtime, "5.00", "2")
    runtime.projections.catch_up()
    links = set(links_of(ana.get("/jump?q=2")))
    assert {"/events/2", "/streams/account-2", "/read-models/accounts/rows/2"} <= links


def test_nothing_found_says_where_it_was_looked_for(ana: Browser, opened: Runtime) -> None:
    page = ana.get("/jump", query_string={"q": "<b>nobody</b>"})
    words = text_of(page)
    assert "Nothing is called “<b>nobody</b>”" in words
    assert "<b>nobody" not in page.get_data(as_text=True)
    assert "keys of read models" in words
    assert "/events?text=%3Cb%3Enobody%3C/b%3E" in links_of(page)


def test_an_empty_box_asks_for_a_name(ana: Browser) -> None:
    assert "Jump To an event, a stream" in text_of(ana.get("/jump"))


@pytest.mark.parametrize("typed", ["9" * 30, "٣", "%", "_", "x" * (LONGEST + 1), "\u202e", "' OR 1=1", "-1"])
def test_odd_texts_name_nothing(ana: Browser, opened: Runtime, typed: str) -> None:
    page = ana.get("/jump", query_string={"q": typed})
    assert page.status_code == 200
    assert "/events/1" not in links_of(page)


def test_every_page_has_the_box_and_the_list_of_keys(ana: Browser) -> None:
    body = ana.get("/audit").get_data(as_text=True)
    assert 'action="/jump" method="get"' in body
    assert '<dialog class="dialog" id="keys"' in body
    assert 'data-key="p">Projections</a>' in body
