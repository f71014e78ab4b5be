"""The log as people read it."""

from __future__ import annotations

import pytest

from cqrs.runtime import Runtime
from cqrs.store.records import NewEvent
from tests.console.browser import Browser, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of


@pytest.fixture
def history(runtime: Runtime) -> Runtime:
    """Five events: two accounts, three deposits."""
    open_account(runtime, "1", "Ada")
    open_account(runtime, "2", "Grace")
    for amount in ("1", "2", "3"):
        deposit(runtime, amount)
    return runtime


def positions(words: str) -> str:
    return words.partition("What happened")[2].partition("Positions")[0]


def test_events_are_sentences_newest_first(ana: Browser, history: Runtime) -> None:
    words = text_of(ana.get("/events"))
    assert "All events, newest first." in words
    assert words.index("Deposited on account-1") < words.index("Grace opened an account") < words.index("Ada opened")
    assert "{" not in positions(words)


@pytest.mark.parametrize(
    ("query", "said", "shown"),
    [
        ("type=AccountOpened", "of type AccountOpened", 2),
        ("type=AccountOpened&type=Deposited", "of type AccountOpened or Deposited", 5),
        ("stream=account-2", "on stream account-2", 1),
        ("category=account", "of category account", 5),
        ("actor=ben&stream=account-1", "on stream account-1 by ben", 3),
        ("text=Grace", "whose payload contains “Grace”", 1),
        ("from=2999-01-01", "since 2999-01-01 00:00:00 UTC", 0),
        ("to=2000-01-01+10:00", "before 2000-01-01 10:00:00 UTC", 0),
    ],
)
def test_filters_live_in_the_address_and_are_said(
    ana: Browser, history: Runtime, query: str, said: str, shown: int
) -> None:
    page = ana.get(f"/events?{query}")
    assert f"Events {said} , newest first." in text_of(page)
    assert page.get_data(as_text=True).count('id="event-') == shown
    if not shown:
        assert "No event matches this filter." in text_of(page)


def test_a_part_of_a_filter_can_be_taken_away(ana: Browser, history: Runtime) -> None:
    links = links_of(ana.get("/events?type=Deposited&actor=ben&before=4"))
    assert "/events?actor=ben" in links
    assert "/events?type=Deposited" in links


def test_fields_left_empty_do_not_make_the_address_longer(ana: Browser) -> None:
    answer = ana.get("/events?type=&stream=a%26b&from=&text=")
    assert (answer.status_code, path_of(answer)) == (302, "/events?stream=a%26b")


def test_paging_is_by_position_in_both_directions(ana: Browser, history: Runtime) -> None:
    newest = ana.get("/events?limit=2")
    assert "Positions 4 to 5" in text_of(newest)
    assert "/events?limit=2&before=4" in links_of(newest)
    assert not [link for link in links_of(newest) if "after=" in link]
    older = ana.get("/events?limit=2&before=4")
    assert "Positions 2 to 3" in text_of(older)
    assert {"/events?limit=2&before=2", "/events?limit=2&after=3"} <= set(links_of(older))
    between = ana.get("/events?limit=2&after=1")
    assert "Positions 2 to 3" in text_of(between)
    assert "/events?limit=2&before=2" in links_of(between)


def test_the_newest_page_is_the_one_that_follows(ana: Browser, history: Runtime) -> None:
    assert path_of(ana.get("/events?limit=2&after=3")) == "/events?limit=2"
    assert '<main id="live" tabindex="-1" hx-get' in ana.get("/events").get_data(as_text=True)
    assert '<main id="live" tabindex="-1">' in ana.get("/events?before=4").get_data(as_text=True)


@pytest.mark.parametrize("query", ["from=yesterday", "before=x", "after=-1", "limit=0", "stream=a%00b"])
def test_a_filter_that_cannot_be_used_says_why_and_keeps_what_was_typed(ana: Browser, query: str) -> None:
    page = ana.get(f"/events?{query}")
    assert page.status_code == 422
    assert f"This filter cannot be used. {query.partition('=')[0]}:" in text_of(page)
    if query.startswith("from"):
        assert 'value="yesterday"' in page.get_data(as_text=True)


def test_an_empty_log_and_an_empty_result_are_different(ana: Browser) -> None:
    assert "Nothing has happened yet." in text_of(ana.get("/events"))
    assert "No event matches this filter." in text_of(ana.get("/events?actor=nobody"))


def test_an_event_shows_who_applied_it_and_what_it_belongs_to(ana: Browser, history: Runtime) -> None:
    history.projections.catch_up()
    page = ana.get("/events/4")
    words = text_of(page)
    assert "Deposited on account-1" in words
    assert "Applied by 1 of 1 projection that handle Deposited accounts applied" in words
    assert "A command of ben" in words
    assert "Nothing was recorded because of it." in words
    assert {"/events/3", "/events/5", "/streams/account-1?at=3"} <= set(links_of(page))


def test_what_waits_is_not_called_applied(ana: Browser, history: Runtime) -> None:
    assert "Applied by 0 of 1 projection" in text_of(ana.get("/events/2"))


def test_cause_and_effect_are_linked_both_ways(ana: Browser, history: Runtime) -> None:
    cause = history.events.get(1)
    assert cause
    caused = NewEvent(
        type="Greeted", schema_version=1, data=b"{}", event_id="e-1", correlation_id=cause.correlation_id,
        causation_id=cause.event_id, actor="robot",
    )  # fmt: skip
    history.events.append("letter-1", [caused])
    assert "/events/6" in links_of(ana.get("/events/1"))
    effect = text_of(ana.get("/events/6"))
    assert "Caused by AccountOpened 1" in effect
    assert "This event is shown as it is stored." in effect
    assert "Applied by no projection" in effect


def test_what_is_sensitive_is_masked_everywhere(ana: Browser, history: Runtime) -> None:
    for path in ("/events/1", "/events?text=DE00", "/streams/account-1"):
        assert "DE00 1234" not in ana.get(path).get_data(as_text=True), path


def test_a_hostile_payload_stays_text(ana: Browser, history: Runtime) -> None:
    data = (
        b'{"owner": "</script><img src=x onerror=alert(1)>", "<b>": [[[[[[[[[[[1]]]]]]]]]]], "long": "'
        + b"x" * 5_000
        + b'"}'
    )
    event = NewEvent(
        type="<i>Odd</i>", schema_version=1, data=data, event_id="e-2", correlation_id="c<", causation_id=None,
        actor="<u>me",
    )  # fmt: skip
    history.events.append("odd-<s>/~?#&", [event])
    for path in ("/events", "/events/6", "/streams", "/streams/odd-%3Cs%3E~1~0%3F%23%26"):
        page = ana.get(path)
        assert page.status_code == 200, path
        for markup in ("<img", "<i>", "<u>", "<s>", "<b>:"):
            assert markup not in page.get_data(as_text=True), (path, markup)


@pytest.mark.parametrize("position", ["99", "0", "9223372036854775807"])
def test_a_position_without_an_event_is_not_found(ana: Browser, position: str) -> None:
    assert ana.get(f"/events/{position}").status_code == 404
