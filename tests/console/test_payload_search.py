"""Looking for something in payloads, and what a search may not find out."""

from __future__ import annotations

import msgspec
import pytest
from werkzeug.datastructures import MultiDict

from cqrs.console.parameters import Parameters
from cqrs.console.payload_search import PayloadField, payload_search_of
from cqrs.errors import InvalidMessage
from cqrs.runtime import Runtime
from cqrs.store import event_store
from cqrs.store.records import NewEvent
from tests.console.browser import Browser, Script
from tests.console.ledger import text_of

NESTED = {
    "amount": "12.50",
    "count": 3,
    "rate": 0.5,
    "gift": True,
    "note": None,
    "address": {"city": "Leeds", "postal-code": "LS1"},
    "lines": [{"sku": "A"}, {"sku": "B"}],
    "equation": "a=b",
}


def noted(runtime: Runtime, data: object, n: int = 1, actor: str = "me") -> None:
    event = NewEvent(
        type="Noted", schema_version=1, data=msgspec.json.encode(data), event_id=f"note-{n}", correlation_id="c",
        causation_id=None, actor=actor,
    )  # fmt: skip
    runtime.events.append("note-1", [event])


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("amount=12.50", True),
        ("amount=12.5", True),
        ("amount=12.51", False),
        ("amount=2.50", False),
        ("count=3", True),
        ("count=3.00", True),
        ("count=30", False),
        ("rate=0.50", True),
        ("gift=true", True),
        ("gift=1", False),
        ("note=null", True),
        ("address.city=Leeds", True),
        ("address.city=leeds", False),
        ("city=Leeds", False),
        ("address.postal-code=LS1", True),
        ("lines[1].sku=B", True),
        ("lines.1.sku=B", True),
        ("lines[0].sku=B", False),
        ("lines[9].sku=B", False),
        ("nothing=here", False),
        ("equation=a=b", True),
        ('"a=b"', True),
        ('"amount=12.50"', False),
        ("Leeds", True),
    ],
)
def test_a_field_is_compared_where_its_path_leads(viewer: Script, runtime: Runtime, text: str, finds: bool) -> None:
    noted(runtime, NESTED)
    answer = viewer.get("/api/events", query_string={"text": text})
    assert answer.status_code == 200
    assert len(answer.json["events"]) == finds


def test_hits_at_other_paths_do_not_shorten_a_page(viewer: Script, runtime: Runtime) -> None:
    for n in range(40):
        noted(runtime, {"city": "Leeds"} if n % 4 else {"address": {"city": "Leeds"}}, n)
    answer = viewer.get("/api/events?text=address.city%3DLeeds&limit=6").json
    assert [event["position"] for event in answer["events"]] == [37, 33, 29, 25, 21, 17]
    rest = viewer.get(f"/api/events?text=address.city%3DLeeds&limit=6&cursor={answer['next']}").json
    assert [event["position"] for event in rest["events"]] == [13, 9, 5, 1]
    assert rest["next"] is None


@pytest.mark.parametrize("path", ["iban", "customer.card.number", "apiKey", "lines[0].password"])
def test_a_masked_field_cannot_be_searched(viewer: Script, ana: Browser, path: str) -> None:
    answer = viewer.get(f"/api/events?text={path}%3DDE00")
    assert answer.status_code == 422
    assert "is masked, so it cannot be searched." in answer.json["errors"]["text"][0]
    assert "is masked, so it cannot be searched." in text_of(ana.get(f"/events?text={path}%3DDE00"))


@pytest.mark.parametrize("text", ["DE00 1234", "de00", '"iban":"DE', "DE00 9"])
def test_text_is_not_found_in_what_is_masked(
    viewer: Script, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Whether a guess is right must not show: neither in what is found, nor in how far was looked."""
    monkeypatch.setattr(event_store, "WINDOW", 20)
    for n in range(60):
        noted(runtime, {"iban": "DE00 1234", "note": "hello"}, n)
    wrong = viewer.get("/api/events", query_string={"text": "FR00 9999", "limit": "2"}).json
    assert viewer.get("/api/events", query_string={"text": text, "limit": "2"}).json == wrong
    assert len(viewer.get("/api/events?text=hello&limit=2").json["events"]) == 2


def test_who_may_see_it_may_search_it(app: object, runtime: Runtime) -> None:
    from cqrs.messages import Role

    noted(runtime, {"iban": "DE00 1234"})
    admin = Script(app, Role.ADMIN)  # type: ignore[arg-type]
    assert len(admin.get("/api/events?text=DE00&unmask=1").json["events"]) == 1
    assert len(admin.get("/api/events?text=iban%3DDE00+1234&unmask=1").json["events"]) == 1
    assert admin.get("/api/events?text=DE00").json["events"] == []


def test_spellings_are_those_of_json() -> None:
    assert '"city":"Le\\"eds"' in PayloadField("address.city", 'Le"eds').spellings()
    assert PayloadField("lines[0]", "x").spellings() == ('"x"',)


def test_a_refused_path_names_the_part_that_is_masked() -> None:
    parameters = Parameters(MultiDict({"text": "customer.card=1"}))
    payload_search_of(parameters)
    with pytest.raises(InvalidMessage) as refused:
        parameters.check()
    assert refused.value.errors == {"text": ["card is masked, so it cannot be searched."]}
