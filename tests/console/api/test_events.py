"""The log over HTTP: by position, in both directions, filtered, masked."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from flask import Flask

from cqrs.messages import MASK, Role
from cqrs.runtime import Runtime
from tests.console.browser import Script


@pytest.fixture(autouse=True)
def history(operator: Script) -> None:
    operator.send("OpenAccount", account_id="1", owner="=Ana", iban="DE99")
    operator.send("OpenAccount", account_id="2/b", owner="Ben")
    for amount in range(1, 9):
        operator.send("Deposit", account_id="1", amount=amount)


def positions(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [event["position"] for event in answer.json["events"]]


def test_the_shape_of_an_event(viewer: Script) -> None:
    event = viewer.get("/api/events?after=0&limit=1").json["events"][0]
    assert list(event) == [
        "position",
        "stream",
        "version",
        "type",
        "schema_version",
        "data",
        "metadata",
        "event_id",
        "correlation_id",
        "causation_id",
        "actor",
        "recorded_at",
        "summary",
    ]
    assert (event["position"], event["stream"], event["version"], event["type"]) == (1, "account-1", 1, "AccountOpened")
    assert event["recorded_at"].endswith("Z")
    assert event["summary"] == "=Ana opened an account"


def test_newest_first_unless_after_is_given(viewer: Script) -> None:
    assert positions(viewer.get("/api/events")) == list(range(10, 0, -1))
    assert positions(viewer.get("/api/events?after=0")) == list(range(1, 11))
    assert positions(viewer.get("/api/events?after=8")) == [9, 10]
    assert positions(viewer.get("/api/events?before=3")) == [2, 1]
    assert positions(viewer.get("/api/events?after=2&before=5")) == [3, 4]
    assert positions(viewer.get("/api/events?after=99")) == []


@pytest.mark.parametrize("start", ["", "&after=0", "&type=Deposited", "&after=3&before=8"])
def test_pages_follow_each_other_without_gap_or_repetition(viewer: Script, start: str) -> None:
    whole = positions(viewer.get(f"/api/events?limit=200{start}"))
    found: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = viewer.get(f"/api/events?limit=3{start}" + (f"&cursor={cursor}" if cursor else ""))
        found += positions(answer)
        cursor = answer.json["next"]
    assert found == whole


def test_the_link_header_leads_on_with_the_filters(viewer: Script) -> None:
    first = viewer.get("/api/events?limit=2&type=Deposited&type=AccountOpened")
    address = first.headers["Link"].removeprefix("<").partition(">")[0]
    assert positions(viewer.get(address)) == [8, 7]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("type=AccountOpened", [2, 1]),
        ("type=AccountOpened&type=Deposited&limit=2", [10, 9]),
        ("type=Nothing", []),
        ("stream=account-2/b", [2]),
        ("category=account&before=3", [2, 1]),
        ("category=acc", []),
        ("actor=operator-script&before=2", [1]),
        ("actor=x", []),
        ("text=Ben", [2]),
        ("text=%25", []),
        ("to=2020-01-01", []),
        ("from=2020-01-01&limit=1", [10]),
        ("type=&stream=&limit=1", [10]),
        ("correlation_id=x", []),
    ],
)
def test_filters(viewer: Script, query: str, expected: list[int]) -> None:
    assert positions(viewer.get(f"/api/events?{query}")) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=-1", "after"),
        ("before=1.5", "before"),
        ("after=99999999999999999999", "after"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=abc", "limit"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("cursor=7", "cursor"),
        ("cursor=after-x", "cursor"),
        ("cursor=before-" + "9" * 400, "cursor"),
        ("format=xml", "format"),
        ("stream=a%00b", "stream"),
        ("text=" + "x" * 2_000, "text"),
        ("after=1&after=2", "after"),
        ("unmask=yes", "unmask"),
        ("after=%D9%A1", "after"),
    ],
)
def test_what_cannot_be_read_is_refused_on_its_field(viewer: Script, query: str, field: str) -> None:
    answer = viewer.get(f"/api/events?{query}")
    assert answer.status_code == 422, answer.text
    assert set(answer.json["errors"]) == {field}


def test_all_that_is_wrong_with_an_address_is_said_at_once(viewer: Script) -> None:
    assert set(viewer.get("/api/events?after=x&limit=y&to=z").json["errors"]) == {"after", "limit", "to"}


def test_one_event(viewer: Script) -> None:
    assert viewer.get("/api/events/2").json["stream"] == "account-2/b"
    for position in ("0", "99", "9223372036854775807", "9223372036854775808", "x", "9" * 5_000):
        assert viewer.get(f"/api/events/{position}").status_code == 404


# Masking


@pytest.mark.parametrize("role", list(Role))
def test_sensitive_fields_are_masked(app: Flask, role: Role) -> None:
    data = Script(app, role, f"looks-{role}").get("/api/events/1").json["data"]
    assert data == {"account_id": "1", "owner": "=Ana", "iban": MASK}


def test_an_admin_may_ask_to_see_them_and_is_audited(app: Flask, runtime: Runtime, operator: Script) -> None:
    admin = Script(app, Role.ADMIN)
    assert admin.get("/api/events/1?unmask=1").json["data"]["iban"] == "DE99"
    assert operator.get("/api/events/1?unmask=1").status_code == 403
    rows = [(entry.actor, entry.action, entry.outcome) for entry in runtime.audit.page(action="unmask").items]
    assert rows == [("operator-script", "unmask", "refused"), ("admin-script", "unmask", "done")]


def test_csv_is_masked_and_holds_no_formulas(viewer: Script) -> None:
    answer = viewer.get("/api/events?after=0&limit=1&format=csv")
    assert answer.mimetype == "text/csv"
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["position"] == "1"
    assert "DE99" not in answer.text
    assert row["summary"] == "'=Ana opened an account"
    assert 'rel="next"' in answer.headers["Link"]
