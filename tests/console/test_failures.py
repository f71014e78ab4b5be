"""Where a projection stopped at an event, its key is set aside or the event passed over, by whoever may."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cqrs.identifiers import new_id
from cqrs.runtime import Runtime
from cqrs.store.records import NewEvent
from tests.console.bank import AccountOpened, Accounts, Deposited
from tests.console.browser import Browser, Script, path_of
from tests.console.ledger import deposit, links_of, open_account, text_of

PAGE = "/projections/accounts/failures"


def cautious(row: Any, event: Deposited) -> None:
    if event.amount == Decimal("6.66"):
        raise ValueError("<i>6.66</i> is refused")
    row.balance += event.amount


@pytest.fixture
def stopped(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """Of two accounts, "a/b" has an event at which the projection stopped; one more of it and one of "2" wait."""
    handlers = [replace(each, function=cautious) if each.event is Deposited else each for each in Accounts.handlers]
    monkeypatch.setattr(Accounts, "handlers", tuple(handlers))
    monkeypatch.setattr(Accounts, "on_error", "stop")
    for account in ("a/b", "2"):
        open_account(runtime, account)
    for amount, account in (("3", "a/b"), ("6.66", "a/b"), ("1", "a/b"), ("5", "2")):
        deposit(runtime, amount, account)
    catch_up(runtime)
    return runtime


def catch_up(runtime: Runtime) -> None:
    runtime.projections.catch_up()


def balance(runtime: Runtime, account: str) -> object:
    row = runtime.read_models.row("accounts", account)
    return row.values["balance"] if row else None


def test_the_page_says_what_each_way_on_would_mean(ana: Browser, stopped: Runtime) -> None:
    assert f"{PAGE}#set-aside" in links_of(ana.get("/projections/accounts"))
    page = ana.get(PAGE)
    words = text_of(page)
    assert "at event 4. 2 events wait behind it. ValueError: <i>6.66</i> is refused" in words
    assert "Sets aside this event and the 1 later event of its key, and goes on with all others now." in words
    assert "Its row stays as of event 3 until you retry its events." in words
    assert "<i>6.66" not in page.get_data(as_text=True)


def test_more_events_than_can_be_looked_at_are_not_counted(
    ana: Browser, stopped: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cqrs.console.failures.MOST_COUNTED", 0)
    said = ana.get(PAGE).text
    assert "all later events" in said
    assert "Its row stays as it is" in said
    assert "There is no row of it" not in said


def test_a_key_is_parked_with_a_reason(ana: Browser, stopped: Runtime) -> None:
    answer = ana.post(f"{PAGE}/4/park", {"reason": "the bank of the beast"})
    assert (answer.status_code, path_of(answer)) == (303, "/projections/accounts")
    catch_up(stopped)
    assert (balance(stopped, "2"), balance(stopped, "a/b")) == (Decimal("5.00"), Decimal("3.00"))
    entry = stopped.audit.page(limit=1).items[0]
    assert (entry.action, entry.target, entry.outcome) == ("park", "accounts a/b", "done")
    assert entry.reason == "the bank of the beast"
    page = ana.get("/projections/accounts/parked?key=a%2Fb")
    assert "Set aside by ana: “the bank of the beast”" in text_of(page)
    assert "Parked accounts a/b the bank" in text_of(ana.get("/audit"))


def test_skipping_needs_a_reason_and_is_listed(ana: Browser, stopped: Runtime) -> None:
    refused = ana.post(f"{PAGE}/4/skip", {"reason": " "})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.get_data(as_text=True)
    assert "Say why" in text_of(refused)
    assert ana.post(f"{PAGE}/4/skip", {"reason": "a slip of ours"}).status_code == 303
    catch_up(stopped)
    assert (balance(stopped, "2"), balance(stopped, "a/b")) == (Decimal("5.00"), Decimal("4.00"))
    words = text_of(ana.get(PAGE))
    assert "It stands at no event." in words
    assert "4 a/b a slip of ours" in words
    entry = next(each for each in stopped.audit.page(limit=9).items if each.outcome == "done")
    assert (entry.action, entry.target, entry.reason) == ("skip", "accounts a/b", "a slip of ours")


def test_the_second_click_changes_nothing(ana: Browser, stopped: Runtime) -> None:
    assert ana.post(f"{PAGE}/4/park").status_code == 303
    again = ana.post(f"{PAGE}/4/skip", {"reason": "a slip"})
    assert again.status_code == 409
    assert "accounts does not stand at event 4" in text_of(again)
    assert "None. No event was passed over" in text_of(ana.get(PAGE))


@pytest.fixture
def several(stopped: Runtime) -> Runtime:
    """An event of "2" fails as well, behind one that does not."""
    deposit(stopped, "6.66", "2")
    return stopped


def test_keys_that_fail_behind_it_are_told_and_parked_together(ana: Browser, several: Runtime) -> None:
    words = text_of(ana.get(PAGE))
    assert "It would stop again at event 7, which fails for another key." in words
    assert "1 more key fails in the 3 events behind it that were looked at." in words
    assert "Parking all 2 keys sets aside 3 events. All others are applied at once" in words
    answer = ana.post(f"{PAGE}/4/park-ahead", {"until": "7", "key": ["a/b", "2"], "reason": "one bad import"})
    assert (answer.status_code, path_of(answer)) == (303, "/projections/accounts")
    assert (balance(several, "2"), balance(several, "a/b")) == (Decimal("5.00"), Decimal("3.00"))
    assert several.projections.status("accounts").checkpoint == 7
    entry = several.audit.page(limit=1).items[0]
    assert (entry.action, entry.target, entry.outcome) == ("park", "2 keys of accounts, up to event 7", "done")
    assert (entry.reason, entry.detail) == ("one bad import", {"keys": ["a/b", "2"]})
    assert "Parked 2 keys of accounts, up to event 7" in text_of(ana.get("/audit"))


def test_a_key_with_characters_that_nobody_sees_is_sent_back_as_it_is(ana: Browser, stopped: Runtime) -> None:
    key = "b\u202e3"
    for happened in (
        AccountOpened(account_id=key, owner="Ada", iban=""),
        Deposited(account_id=key, amount=Decimal("6.66")),
    ):
        name, version, data = stopped.types.encode(happened)
        event = NewEvent(
            type=name, schema_version=version, data=data, event_id=new_id(), correlation_id=new_id(),
            causation_id=None, actor="ana",
        )  # fmt: skip
        stopped.events.append("account-b3", [event])
    assert f'name="key" value="{key}"' in ana.get(PAGE).text


def test_where_no_other_key_fails_the_page_says_so(ana: Browser, stopped: Runtime) -> None:
    said = ana.get(PAGE)
    assert "None of the 2 events behind it that accounts handles fails for another key." in text_of(said)
    assert "park-ahead" not in said.text


def test_other_keys_than_those_that_were_shown_are_not_parked(ana: Browser, several: Runtime) -> None:
    refused = ana.post(f"{PAGE}/4/park-ahead", {"until": "7", "key": ["a/b"]})
    assert refused.status_code == 409
    assert "other keys fail by now" in text_of(refused)
    assert ana.post(f"{PAGE}/4/park-ahead", {"until": "x", "key": ["a/b"]}).status_code == 422
    assert several.projections.status("accounts").parked == 0


def test_programs_look_ahead_and_park_what_they_saw(operator: Script, viewer: Script, several: Runtime) -> None:
    api = f"/api{PAGE}"
    found = viewer.get(f"{api}/ahead").json["ahead"]
    assert (found["until"], found["is_head"], found["events"], found["held"]) == (7, True, 4, 3)
    assert [(each["key"], each["position"], each["held"]) for each in found["keys"]] == [("a/b", 4, 2), ("2", 7, 1)]
    keys = [each["key"] for each in found["keys"]]
    assert viewer.post(f"{api}/4/park-ahead", {"until": 7, "keys": keys}).status_code == 403
    for wrong in ({"until": True, "keys": keys}, {"until": 7, "keys": "a/b"}, {"until": 7}, {"keys": keys, "x": 1}):
        assert operator.post(f"{api}/4/park-ahead", wrong).status_code == 422
    refused = operator.post(f"{api}/4/park-ahead", {"until": 7, "keys": keys[:1]})
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "parking_refused")
    done = operator.post(f"{api}/4/park-ahead", {"until": 7, "keys": keys, "reason": "one bad import"})
    assert (done.status_code, done.json) == (200, found)
    assert viewer.get(f"{api}/ahead").json == {"ahead": None, "why": "It stands at no event."}


@pytest.mark.parametrize("way", ["park", "skip", "park-ahead"])
def test_viewers_see_why_but_change_nothing(viewer: Script, stopped: Runtime, way: str) -> None:
    assert viewer.post(f"{PAGE}/4/{way}").status_code == 403
    body = viewer.get(PAGE).get_data(as_text=True)
    assert "is refused" in body
    assert "Traceback" not in body
    assert f'action="{PAGE}' not in body
    assert "refused: needs operator" in body
    assert stopped.projections.status("accounts").failure is not None


def test_programs_park_and_skip_as_well(operator: Script, viewer: Script, stopped: Runtime) -> None:
    api = f"/api{PAGE}"
    assert viewer.post(f"{api}/4/park").status_code == 403
    assert operator.post(f"{api}/5/park").json["error"]["code"] == "not_stopped"
    parked = operator.post(f"{api}/4/park", {"reason": "why not"})
    assert (parked.status_code, parked.json["key"], parked.json["parked_by"]) == (200, "a/b", "operator-script")
    assert "traceback" not in parked.json
    deposit(stopped, "6.66", "2")
    catch_up(stopped)
    assert operator.post(f"{api}/7/skip").status_code == 422
    skipped = operator.post(f"{api}/7/skip", {"reason": "a slip"})
    assert (skipped.status_code, skipped.json["failure"], skipped.json["parked"]) == (200, None, 1)
    (told,) = viewer.get(api).json["skipped"]
    assert (told["position"], told["key"], told["reason"], told["by"]) == (7, "2", "a slip", "operator-script")
    assert viewer.get(f"{api}?format=csv").get_data(as_text=True).startswith("position,key,reason,by,at")
    assert operator.post("/api/projections/nope/failures/4/park").status_code == 404


def test_without_a_key_nothing_is_offered(ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def keyless(event: Deposited, meta: object) -> str:
        raise ValueError(event.account_id)

    handlers = [replace(each, key=keyless) if each.event is Deposited else each for each in Accounts.handlers]
    monkeypatch.setattr(Accounts, "handlers", tuple(handlers))
    open_account(runtime, "1")
    deposit(runtime, "1")
    catch_up(runtime)
    page = ana.get(PAGE)
    assert "No key can be parked: it stopped before the key of this event was known." in text_of(page)
    assert "/park" not in page.get_data(as_text=True)
    assert ana.post(f"{PAGE}/2/park").status_code == 409
