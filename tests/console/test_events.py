"""The log as people read it."""

from __future__ import annotations

import pytest

from cqrs.runtime import Runtime
from cqrs.store import event_store
from cqrs.store.records import NewEvent
from cqrs.store.serialization import UpcastStep
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


def test_an_event_opens_beside_its_list(ana: Browser, history: Runtime) -> None:
    listed = ana.get("/events?type=Deposited&limit=2")
    assert "/events?type=Deposited&limit=2&open=4#event-4" in links_of(listed)
    page = ana.get("/events?type=Deposited&limit=2&open=4")
    words = text_of(page)
    assert "Payload as handlers see it, v1" in words
    assert "Applied by 0 of 1 projection that handle Deposited" in words
    assert "A command of ben all it recorded Deposited, this event" in words
    assert {"/events/4", "/events?type=Deposited&limit=2#event-4"} <= set(links_of(page))
    assert '<tr id="event-4" aria-current="true">' in page.get_data(as_text=True)
    assert "/events?type=Deposited&limit=2&open=5#event-5" in links_of(page)
    assert not [link for link in links_of(page) if "open" in link and ("before=" in link or "/api/" in link)]


def test_an_event_that_is_on_another_page_or_nowhere_is_told_as_it_is(ana: Browser, history: Runtime) -> None:
    assert "this event" in text_of(ana.get("/events?limit=1&open=2"))
    assert "There is no event at position 99." in text_of(ana.get("/events?open=99"))
    assert ana.get("/events?open=x").status_code == 422


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


# Facets, further searches, and the same list for programs


def facets(words: str) -> str:
    return words.partition("times in UTC")[2].partition("Position")[0]


def test_facets_count_what_the_other_filters_leave(ana: Browser, history: Runtime) -> None:
    page = ana.get("/events")
    assert "Types Deposited 3 AccountOpened 2 Categories account 5 Actors ben 3 ana 2" in facets(text_of(page))
    assert "/events?type=Deposited" in links_of(page)
    chosen = ana.get("/events?actor=ben")
    assert "Types Deposited 3 Categories account 3 Actors ben 3 ana 2" in facets(text_of(chosen))
    assert {"/events", "/events?actor=ben&type=Deposited", "/events?actor=ana"} <= set(links_of(chosen))


def test_facets_of_a_text_count_hits_that_can_be_seen(ana: Browser, history: Runtime) -> None:
    assert "Types AccountOpened 1 Categories account 1 Actors ana 1" in facets(text_of(ana.get("/events?text=Grace")))
    assert "Types" not in facets(text_of(ana.get("/events?text=DE00")))


def test_facets_stop_counting_and_say_so(ana: Browser, history: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_store, "WINDOW", 2)
    assert "Types Deposited 2+" in facets(text_of(ana.get("/events?actor=ben&stream=account-1")))


def test_a_search_says_how_far_it_looked_and_goes_on(
    ana: Browser, history: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_store, "WINDOW", 2)
    page = ana.get("/events?category=account&actor=ana")
    assert "Nothing was found so far." in text_of(page)
    assert "down to position 4, and stopped." in text_of(page)
    further = "/events?category=account&actor=ana&before=4"
    assert further in links_of(page)
    second = ana.get(further)
    assert "Positions 2 to 2. Looked down to position 2." in text_of(second)
    last = ana.get("/events?category=account&actor=ana&before=2")
    assert "Positions 1 to 1" in text_of(last)
    assert "Search further" not in text_of(last)
    upwards = ana.get("/events?category=account&actor=ben&after=0")
    assert "up to position 2, and stopped." in text_of(upwards)
    assert "/events?category=account&actor=ben&after=2" in links_of(upwards)


def test_a_field_of_the_payload_is_a_part_of_the_sentence(ana: Browser, history: Runtime) -> None:
    words = text_of(ana.get("/events?text=amount%3D2"))
    assert "Events whose payload has amount = 2 , newest first." in words
    assert "Positions 4 to 4" in words
    assert "remove the field" in words


def test_a_position_is_a_place_in_the_list(ana: Browser, history: Runtime) -> None:
    answer = ana.get("/events?actor=ben&position=4&type=")
    assert path_of(answer) == "/events?actor=ben&position=4"
    answer = ana.get("/events?actor=ben&position=4")
    assert path_of(answer) == "/events?actor=ben&before=5"
    page = ana.get("/events?actor=ben&before=5")
    assert "Positions 3 to 4" in text_of(page)
    assert "/events?actor=ben" in links_of(page)  # the newest


def test_the_same_list_for_programs(ana: Browser, history: Runtime) -> None:
    page = ana.get("/events?type=Deposited&actor=o%27neill&before=5")
    query = "type=Deposited&actor=o%27neill&before=5"
    assert {f"/api/events?{query}", f"/api/events?{query}&format=csv"} <= set(links_of(page))
    assert f"curl -H \"Authorization: Bearer $TOKEN\" 'http://localhost/api/events?{query}'" in text_of(page)
    for link in (f"/api/events?{query}", f"/api/events?{query}&format=csv"):
        assert ana.get(link).status_code == 200


def test_causes_of_causes_lead_up_to_the_command(ana: Browser, history: Runtime) -> None:
    cause = history.events.get(1)
    assert cause
    for n in (6, 7):
        caused = NewEvent(
            type="Greeted", schema_version=1, data=b"{}", event_id=f"e-{n}", correlation_id=cause.correlation_id,
            causation_id=cause.event_id if n == 6 else "e-6", actor="robot",
        )  # fmt: skip
        history.events.append("letter-1", [caused])
    page = ana.get("/events/7")
    words = text_of(page)
    assert words.index("A command of ana") < words.index("AccountOpened 1") < words.index("Caused by Greeted 6")
    assert f"/events?causation_id={cause.causation_id}" in links_of(page)


def test_every_upcaster_shows_what_it_changed(ana: Browser, history: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    event = history.events.get(1)
    assert event
    steps = [
        UpcastStep(1, {"id": "1", "iban": "DE1"}),
        UpcastStep(2, {"account_id": "1", "iban": "DE1"}),
        UpcastStep(3, {"account_id": "1", "iban": "DE2", "owner": "Ada"}),
    ]
    monkeypatch.setattr(history.types, "upcast", lambda *stored: steps)
    words = text_of(ana.get("/events/1"))
    assert "Stored v1, upcast to v2 step 1 of 2" in words
    assert "v2, upcast to v3 what handlers see" in words
    assert 'account_id not there "1"' in words
    assert 'owner not there "Ada"' in words
    assert "DE1" not in words
    assert "DE2" not in words
