"""The types of events: what each looks like, how often it happened, and who handles it."""

from __future__ import annotations

import csv
import io

import pytest

from cqrs.console import event_type_facts
from cqrs.messages import MASK, Event, event
from cqrs.runtime import Runtime
from cqrs.store.records import NewEvent
from tests.console.browser import Browser, Script
from tests.console.ledger import deposit, links_of, open_account, text_of


@pytest.fixture
def history(runtime: Runtime) -> Runtime:
    """Two accounts, three deposits, a type that nobody declares, and one stored by a newer program."""
    open_account(runtime, "1", "Ada")
    open_account(runtime, "2", "Grace")
    for amount in ("1", "2", "3"):
        deposit(runtime, amount)
    stored(runtime, "Greeted", 1)
    stored(runtime, "Deposited", 7)
    return runtime


def stored(runtime: Runtime, type: str, version: int) -> None:
    new = NewEvent(
        type=type, schema_version=version, data=b"{}", event_id=f"{type}-{version}", correlation_id="c",
        causation_id=None, actor="robot",
    )  # fmt: skip
    runtime.events.append("letter-1", [new])


def test_declared_and_recorded_types_stand_in_one_list(ana: Browser, history: Runtime) -> None:
    page = ana.get("/event-types")
    words = text_of(page)
    assert "3 types , by name: 1 unknown to this program, 1 stored in a version newer than this program" in words
    assert words.index("AccountOpened v1 2 v1 2") < words.index("Deposited v1") < words.index("Greeted")
    assert "Deposited v1 stored in a newer version 4 v1 3 , v7 1" in words
    assert "Greeted unknown to this program 1 v1 1" in words
    assert {"/event-types/Greeted", "/events?type=Greeted", "/projections/accounts"} <= set(links_of(page))


def test_a_type_that_never_happened_is_there_too(ana: Browser) -> None:
    words = text_of(ana.get("/event-types"))
    assert "AccountOpened v1 0 nothing never never accounts" in words
    assert "It has not happened yet." in text_of(ana.get("/event-types/AccountOpened"))


def test_counts_say_when_nobody_counted_further(
    ana: Browser, viewer: Script, history: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_type_facts, "CAP", 2)
    assert "Deposited v1 stored in a newer version 2+ v1 1+ , v7 1+" in text_of(ana.get("/event-types"))
    found = viewer.get("/api/event-types/Deposited").json
    assert (found["count"], found["count_capped"]) == (2, True)
    assert found["versions"][0] == {"version": 1, "count": 1, "capped": True}


def test_a_type_shows_its_schema_and_who_handles_it(ana: Browser, history: Runtime) -> None:
    page = ana.get("/event-types/Deposited")
    words = text_of(page)
    assert "account_id text required amount decimal required" in words
    assert "Events are stored in version 7." in words
    assert {"/events?type=Deposited", "/projections/accounts", "/events/7", "/events/3"} <= set(links_of(page))


def test_an_unknown_type_says_so_and_an_absent_one_is_not_found(ana: Browser, history: Runtime) -> None:
    assert "This type is unknown to this program." in text_of(ana.get("/event-types/Greeted"))
    assert ana.get("/event-types/Nothing").status_code == 404


def test_programs_read_the_same(viewer: Script, history: Runtime) -> None:
    found = {item["type"]: item for item in viewer.get("/api/event-types").json["event_types"]}
    assert list(found) == ["AccountOpened", "Deposited", "Greeted"]
    assert found["Greeted"]["declared_version"] is None
    assert found["Greeted"]["handled_by"] == []
    assert found["Deposited"]["versions"] == [
        {"version": 1, "count": 3, "capped": False},
        {"version": 7, "count": 1, "capped": False},
    ]
    assert (found["Deposited"]["first_position"], found["Deposited"]["last_position"]) == (3, 7)
    one = viewer.get("/api/event-types/AccountOpened").json
    assert set(one["schema"]["properties"]) == {"account_id", "owner", "iban"}
    assert one["upcasters"] == []
    rows = list(csv.DictReader(io.StringIO(viewer.get("/api/event-types?format=csv").text, newline="")))
    assert [row["type"] for row in rows] == list(found)


@pytest.mark.parametrize("limit", [1, 2])
def test_the_list_goes_on_by_name(viewer: Script, ana: Browser, history: Runtime, limit: int) -> None:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = viewer.get(f"/api/event-types?limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json
        found += [item["type"] for item in answer["event_types"]]
        cursor = answer["next"]
    assert found == ["AccountOpened", "Deposited", "Greeted"]
    assert f"/event-types?cursor={found[49 if limit > 50 else 0]}" in links_of(ana.get("/event-types?limit=1"))


def test_a_sensitive_field_keeps_its_default_to_itself() -> None:
    @event("Issued")
    class Issued(Event):
        token: str = "s3cr3t"
        shop: str = "main"

    fields = {field.name: field for field in event_type_facts.fields_of(Issued)}
    assert event_type_facts.default_of(fields["token"]) == MASK
    assert event_type_facts.default_of(fields["shop"]) == "main"
