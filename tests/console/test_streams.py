"""Streams by name, and one at a version."""

from __future__ import annotations

import pytest

from cqrs.runtime import Runtime
from cqrs.store.records import NewEvent
from tests.console.browser import Browser
from tests.console.ledger import deposit, links_of, open_account, text_of


@pytest.fixture
def history(runtime: Runtime) -> Runtime:
    open_account(runtime, "1", "Ada")
    open_account(runtime, "b/2", "Grace")
    for amount in ("1", "2", "3"):
        deposit(runtime, amount)
    return runtime


def test_streams_are_listed_by_name_and_found_by_their_beginning(ana: Browser, history: Runtime) -> None:
    assert "2 streams , by name" in text_of(ana.get("/streams"))
    page = ana.get("/streams?category=account&prefix=account-b")
    assert "Streams of category account whose name starts with account-b" in text_of(page)
    assert "/streams/account-b~12" in links_of(page)
    assert "account-1" not in text_of(page)
    assert "No stream matches." in text_of(ana.get("/streams?prefix=x"))


def test_the_list_goes_on_by_name(ana: Browser, history: Runtime) -> None:
    for number in range(60):
        event = NewEvent(
            type="T",
            schema_version=1,
            data=b"{}",
            event_id=f"e{number}",
            correlation_id="c",
            causation_id=None,
            actor="a",
        )
        history.events.append(f"thing-{number:02}", [event])
    links = [link for link in links_of(ana.get("/streams?category=thing")) if "cursor=" in link]
    assert len(links) == 1
    rest = text_of(ana.get(links[0]))
    assert "thing-59" in rest
    assert "thing-10" not in rest


def test_a_stream_shows_its_state_and_what_its_last_event_changed(ana: Browser, history: Runtime) -> None:
    words = text_of(ana.get("/streams/account-1"))
    assert "State at version 4" in words
    assert 'balance "6.00" "3.00"' in words
    assert 'owner "Ada"' in words


def test_every_version_has_an_address(ana: Browser, history: Runtime) -> None:
    page = ana.get("/streams/account-1?at=2")
    words = text_of(page)
    assert "State at version 2" in words
    assert 'balance "1.00" "0.00"' in words
    assert "2 later events are left out." in words
    assert {f"/streams/account-1?at={version}" for version in (1, 2, 3, 4)} <= set(links_of(page))
    assert "/streams/account-1" in links_of(page)
    assert '<main id="live" tabindex="-1">' in page.get_data(as_text=True)  # the past does not move


def test_a_stream_without_an_aggregate_says_so(ana: Browser, history: Runtime) -> None:
    event = NewEvent(
        type="T", schema_version=1, data=b'{"a": 1}', event_id="e", correlation_id="c", causation_id=None, actor="a"
    )
    history.events.append("letter-1", [event])
    words = text_of(ana.get("/streams/letter-1"))
    assert "No aggregate is declared for category letter" in words
    assert "a 1" in words


def test_a_name_with_a_slash_is_an_address(ana: Browser, history: Runtime) -> None:
    assert "account-b/2" in text_of(ana.get("/streams/account-b~12"))


def test_a_long_stream_lists_what_is_around_the_version_shown(ana: Browser, runtime: Runtime) -> None:
    events = [
        NewEvent(
            type="T", schema_version=1, data=b"{}", event_id=f"e{n}", correlation_id="c", causation_id=None, actor="a"
        )
        for n in range(100)
    ]
    runtime.events.append("long-1", events)
    page = ana.get("/streams/long-1?at=50")
    assert "Versions 36 to 65 of 100" in text_of(page)
    older = next(link for link in links_of(page) if "top=35" in link)
    assert "Versions 6 to 35 of 100" in text_of(ana.get(older))
    assert "Versions 71 to 100 of 100" in text_of(ana.get("/streams/long-1"))


@pytest.mark.parametrize("query", ["at=0", "at=5", "at=x", "at=99999999999999999999", "top=0"])
def test_a_version_that_is_not_there_is_refused(ana: Browser, history: Runtime, query: str) -> None:
    assert ana.get(f"/streams/account-1?{query}").status_code == 422


def test_a_stream_that_is_not_there_is_not_found(ana: Browser) -> None:
    assert ana.get("/streams/account-9").status_code == 404
    assert "There are no streams yet." in text_of(ana.get("/streams"))
