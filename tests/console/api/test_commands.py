"""Commands over HTTP: done once, refused whole, and never half."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask import Flask

from cqrs.messages import MASK, Role
from cqrs.runtime import Runtime
from tests.console.browser import SAME_SITE, Browser, Script

NEW = {"account_id": "1", "owner": "Ana"}
JSON = "application/json"


def test_what_was_done_is_answered(operator: Script, runtime: Runtime) -> None:
    answer = operator.send("OpenAccount", **NEW)
    assert answer.status_code == 201
    body = answer.json
    assert body["result"] == {"account_id": "1"}
    assert body["events"] == [
        {"position": body["position"], "stream": "account-1", "version": 1, "type": "AccountOpened"}
    ]
    stored = runtime.events.get(body["position"])
    assert stored
    assert (stored.actor, stored.correlation_id) == ("operator-script", body["correlation_id"])


def test_all_that_is_wrong_is_said_at_once(operator: Script, runtime: Runtime) -> None:
    answer = operator.send("Deposit", account_id="", amount="1.005", colour="red")
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"account_id", "amount", "colour"}
    assert answer.json["error"]["code"] == "invalid"
    assert runtime.events.head() == 0


@pytest.mark.parametrize("amount", ["10.50", 10.5, 10])
def test_money_is_a_text_or_a_number(operator: Script, amount: Any) -> None:
    operator.send("OpenAccount", **NEW)
    assert operator.send("Deposit", account_id="1", amount=amount).status_code == 201


@pytest.mark.parametrize(
    "amount", ["1.005", 1.005, "NaN", "Infinity", "-1", 0, True, None, [1], "1e9999999", 10**40, 0.30000000000000004]
)
def test_what_is_no_money_is_refused_on_its_field(operator: Script, amount: Any) -> None:
    operator.send("OpenAccount", **NEW)
    answer = operator.send("Deposit", account_id="1", amount=amount)
    assert answer.status_code == 422
    assert "amount" in answer.json["errors"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{", JSON, 422),
        (b"", JSON, 422),
        (b"[]", JSON, 422),
        (b'"text"', JSON, 422),
        (b"null", JSON, 422),
        (b"\xff\xfe{}", JSON, 422),
        (b'{"account_id": "\xc3\x28"}', JSON, 422),
        (b'{"account_id": NaN}', JSON, 422),
        (b"[" * 100_000, JSON, 422),
        (b'{"account_id": "a\\u0000b", "owner": "x"}', JSON, 422),
        (b'{"account_id": "\\ud800", "owner": "x"}', JSON, 422),
        (b'{"account_id": "1", "account_id": "2", "owner": "x"}', JSON, 422),
        (b'{"a": ' * 2_000 + b"1" + b"}" * 2_000, JSON, 422),
        (b'{"account_id": "1", "owner": "x"}', "text/plain", 415),
        (b"account_id=1&owner=x", "application/x-www-form-urlencoded", 415),
        (b'{"account_id": "1", "owner": "x"}', "", 415),
    ],
)
def test_bodies_that_cannot_be_read(
    operator: Script, runtime: Runtime, body: bytes, content_type: str, status: int
) -> None:
    answer = operator.open("/api/commands/OpenAccount", "POST", data=body, content_type=content_type)
    assert answer.status_code == status
    assert answer.json["error"]["message"]
    assert runtime.events.head() == 0


@pytest.mark.parametrize("name", ["Nothing", "__class__", "AccountOpened", "%00", "%F0%9F%92%A9", "a" * 3_000])
def test_unknown_commands(operator: Script, name: str) -> None:
    answer = operator.post(f"/api/commands/{name}", {})
    assert answer.status_code == 404
    assert answer.json["error"]["code"] == "not_found"


# Once


def test_a_repeated_request_is_answered_not_done_again(operator: Script, runtime: Runtime) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = operator.post("/api/commands/OpenAccount", NEW, headers=headers)
    second = operator.post("/api/commands/OpenAccount", NEW, headers=headers)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json == second.json
    assert runtime.events.head() == 1


def test_the_key_of_another_body_is_refused(operator: Script) -> None:
    headers = {"Idempotency-Key": "k1"}
    operator.post("/api/commands/OpenAccount", NEW, headers=headers)
    answer = operator.post("/api/commands/OpenAccount", {**NEW, "owner": "Ben"}, headers=headers)
    assert answer.status_code == 422
    assert "was already used for another OpenAccount" in answer.json["errors"]["Idempotency-Key"][0]


def test_racing_requests_with_one_key_have_one_effect(app: Flask, operator: Script, runtime: Runtime) -> None:
    answers: list[Any] = []
    headers = {"Idempotency-Key": "k1", "Authorization": f"Bearer {operator.token}"}

    def send() -> None:
        client = app.test_client(use_cookies=False)
        answers.append(client.post("/api/commands/OpenAccount", json=NEW, headers=headers))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json["command_id"] for answer in answers}) == 1
    assert runtime.events.head() == 1


@pytest.mark.parametrize("key", ["", "x" * 300, "a\tb"])
def test_keys_that_are_none(operator: Script, key: str) -> None:
    assert operator.post("/api/commands/OpenAccount", NEW, headers={"Idempotency-Key": key}).status_code == 422


# On the version one has seen


@pytest.mark.parametrize("header", ["1", '"1"', ' "1" ', 'W/"1"'])
def test_the_version_one_has_seen(operator: Script, header: str) -> None:
    operator.send("OpenAccount", **NEW)
    answer = operator.post("/api/commands/Deposit", {"account_id": "1", "amount": 1}, headers={"If-Match": header})
    assert answer.status_code == 201


def test_a_conflict_tells_what_happened_since(operator: Script) -> None:
    operator.send("OpenAccount", **NEW)
    for amount in (1, 2):
        operator.send("Deposit", account_id="1", amount=amount)
    answer = operator.post("/api/commands/Deposit", {"account_id": "1", "amount": 9}, headers={"If-Match": '"1"'})
    assert answer.status_code == 409
    assert answer.json["error"]["code"] == "conflict"
    assert answer.json["version"] == 3
    assert [(event["version"], event["data"]["amount"]) for event in answer.json["since"]] == [(2, "1.00"), (3, "2.00")]


def test_a_stream_that_must_not_exist_yet(operator: Script) -> None:
    headers = {"If-Match": "0"}
    assert operator.post("/api/commands/OpenAccount", NEW, headers=headers).status_code == 201
    again = operator.post("/api/commands/OpenAccount", NEW, headers=headers)
    assert again.status_code == 409
    assert [event["data"]["iban"] for event in again.json["since"]] == [MASK]


@pytest.mark.parametrize("header", ["*", "abc", '"', "-1", "9" * 30, "1, 2"])
def test_versions_that_are_none(operator: Script, header: str) -> None:
    answer = operator.post("/api/commands/OpenAccount", NEW, headers={"If-Match": header})
    assert answer.status_code == 422
    assert "If-Match" in answer.json["errors"]


def test_a_command_without_a_stream_takes_no_version(operator: Script) -> None:
    assert operator.post("/api/commands/Explode", {}, headers={"If-Match": "1"}).status_code == 422


# Without effect


def test_a_dry_run_answers_in_the_same_shape_and_stores_nothing(operator: Script, runtime: Runtime) -> None:
    answer = operator.post("/api/commands/OpenAccount?dry_run=1", {**NEW, "iban": "DE99"})
    assert answer.status_code == 200
    assert answer.json["position"] is None
    (event,) = answer.json["events"]
    assert (event["stream"], event["version"], event["type"]) == ("account-1", 1, "AccountOpened")
    assert event["data"] == {"account_id": "1", "owner": "Ana", "iban": MASK}
    assert runtime.events.head() == 0
    assert runtime.audit.page().items == []


def test_a_dry_run_finds_what_is_wrong(operator: Script) -> None:
    assert operator.post("/api/commands/Deposit?dry_run=1", {"account_id": "9", "amount": 1}).status_code == 422
    assert operator.post("/api/commands/Deposit?dry_run=maybe", {"account_id": "9", "amount": 1}).status_code == 422


# Who


def test_viewers_send_nothing(viewer: Script, runtime: Runtime) -> None:
    assert viewer.send("OpenAccount", **NEW).status_code == 403
    assert runtime.events.head() == 0


def test_a_browser_session_sends_commands_with_its_token(ana: Browser) -> None:
    path = "/api/commands/OpenAccount"
    assert ana.client.post(path, json=NEW, headers=SAME_SITE).status_code == 403
    headers = {**SAME_SITE, "X-CSRF-Token": ana.session.csrf}
    assert ana.client.post(path, json=NEW, headers=headers).status_code == 201


def test_what_was_sent_is_in_the_audit_log_without_its_fields(app: Flask, runtime: Runtime, operator: Script) -> None:
    sent = operator.send("OpenAccount", **NEW, pass_phrase="open sesame")
    (entry,) = runtime.audit.page().items
    assert (entry.actor, entry.role, entry.action, entry.target) == (
        "operator-script",
        "operator",
        "command",
        "OpenAccount",
    )
    assert entry.outcome == "done"
    assert entry.detail["command_id"] == sent.json["command_id"]
    assert "open sesame" not in str(entry)
    listed = Script(app, Role.VIEWER).get("/api/audit?action=command").json["entries"]
    assert [row["target"] for row in listed] == ["OpenAccount"]


def test_all_commands_are_listed_with_their_fields(viewer: Script) -> None:
    listed = viewer.get("/api/commands").json
    assert listed["next"] is None
    opened = next(each for each in listed["commands"] if each["name"] == "OpenAccount")
    assert (opened["domain"], opened["about"]) == ("bank", "Opens an account.")
    assert {field["name"]: (field["required"], field["secret"]) for field in opened["fields"]} == {
        "account_id": (True, False), "owner": (True, False), "iban": (False, False), "pass_phrase": (False, True),
    }  # fmt: skip
    assert viewer.get("/api/commands?format=csv").get_data(as_text=True).startswith("name,domain,about,fields\r\n")
