"""Streams by name, and as they were at a version."""

from __future__ import annotations

import pytest
from flask import Flask, url_for

from cqrs.messages import MASK
from tests.console.browser import Script

ODD = "account-a/b~c d%é?#"


@pytest.fixture(autouse=True)
def history(operator: Script) -> None:
    operator.send("OpenAccount", account_id="1", owner="Ana")
    for amount in (1, 2, 3):
        operator.send("Deposit", account_id="1", amount=amount)
    operator.send("OpenAccount", account_id=ODD.removeprefix("account-"), owner="Odd")


def test_streams_are_listed_by_name(viewer: Script) -> None:
    body = viewer.get("/api/streams").json
    assert [stream["stream"] for stream in body["streams"]] == ["account-1", ODD]
    assert body["streams"][0]["version"] == 4
    assert body["next"] is None
    first = viewer.get("/api/streams?limit=1&category=account").json
    second = viewer.get("/api/streams", query_string={"limit": 1, "category": "account", "cursor": first["next"]}).json
    assert [first["streams"][0]["stream"], second["streams"][0]["stream"]] == ["account-1", ODD]
    assert viewer.get("/api/streams?prefix=account-a").json["streams"][0]["stream"] == ODD
    assert viewer.get("/api/streams?category=nothing").json["streams"] == []


def test_a_stream_at_a_version(viewer: Script) -> None:
    now = viewer.get("/api/streams/account-1").json
    assert (now["version"], now["newest"]) == (4, 4)
    assert now["state"] == {"owner": "Ana", "iban": MASK, "balance": "6.00"}
    before = viewer.get("/api/streams/account-1?at=2").json
    assert (before["version"], before["state"]["balance"]) == (2, "1.00")
    assert [event["version"] for event in before["events"]] == [1, 2]


def test_long_streams_come_in_pages(viewer: Script) -> None:
    first = viewer.get("/api/streams/account-1?limit=3").json
    second = viewer.get(f"/api/streams/account-1?limit=3&cursor={first['next']}").json
    assert [event["version"] for event in [*first["events"], *second["events"]]] == [1, 2, 3, 4]
    assert second["next"] is None


def test_names_with_slashes_have_an_address(app: Flask, viewer: Script) -> None:
    with app.test_request_context():
        address = url_for("api_streams.show", stream=ODD)
    assert "~1" in address
    assert "~0" in address
    assert viewer.get(address).json["stream"] == ODD


@pytest.mark.parametrize("path", ["account-9", "a%00b", "%F0%9F%92%A9", "x" * 3_000])
def test_unknown_streams(viewer: Script, path: str) -> None:
    assert viewer.get(f"/api/streams/{path}").status_code == 404


@pytest.mark.parametrize("at", ["0", "5", "x", "-1", "99999999999999999999"])
def test_versions_a_stream_never_had(viewer: Script, at: str) -> None:
    answer = viewer.get(f"/api/streams/account-1?at={at}")
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"at"}
