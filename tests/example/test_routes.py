"""The shop's own routes, as its clients call them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from cqrs.example import routes
from cqrs.messages import Role
from cqrs.runtime import Runtime
from cqrs.workers.worker import Worker
from tests.console.apps import console_over
from tests.console.browser import Script

ADA = {"name": "Ada Lovelace", "email": "ada@example.org", "password": "correct horse", "city": "London"}
NO_USER = "There is no user with this id."


@pytest.fixture
def shop(runtime: Runtime) -> Script:
    """A program that may write."""
    return Script(console_over(runtime), Role.OPERATOR)


@pytest.fixture(scope="module")
def empty_app(idle_runtime: Runtime) -> Flask:
    """For requests that change nothing."""
    return console_over(idle_runtime)


@pytest.fixture(scope="module")
def empty_shop(empty_app: Flask) -> Script:
    return Script(empty_app, Role.OPERATOR)


@pytest.fixture
def worker(runtime: Runtime) -> Iterator[None]:
    worker = Worker(runtime)
    worker.start()
    yield
    worker.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody projects, so nobody waits for it."""
    monkeypatch.setattr(routes, "PATIENCE_SECONDS", 0.0)


def json(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json


def registered(shop: Script, **fields: str) -> str:
    return str(json(shop.post("/users", {**ADA, **fields}), 201)["userId"])


@pytest.mark.usefixtures("worker")
def test_the_life_of_a_user(shop: Script) -> None:
    """Each answer knows what was written just before."""
    user_id = registered(shop)
    user = json(shop.get(f"/users/{user_id}"))
    assert user["profile"].pop("registeredAt").endswith("Z")
    assert user == {"id": user_id, "name": "Ada Lovelace", "email": "ada@example.org", "profile": {"city": "London"}}
    assert json(shop.get(f"/users/{user_id}/stats")) == {"orderCount": 0, "totalSpent": "0.00", "lastOrderDate": None}

    assert json(shop.open(f"/users/{user_id}", "PUT", json={"city": "Paris"})) == {"userId": user_id}
    assert json(shop.get(f"/users/{user_id}"))["profile"]["city"] == "Paris"

    assert json(shop.post("/orders", {"userId": user_id, "amount": 12.5}), 201).keys() == {"orderId"}
    json(shop.post("/orders", {"userId": user_id, "amount": "7.50"}), 201)
    stats = json(shop.get(f"/users/{user_id}/stats"))
    assert (stats["orderCount"], stats["totalSpent"]) == (2, "20.00")
    assert stats["lastOrderDate"].endswith("Z")

    gone = shop.open(f"/users/{user_id}", "DELETE")
    assert (gone.status_code, gone.data) == (204, b"")
    assert shop.get(f"/users/{user_id}").status_code == 404
    assert shop.get(f"/users/{user_id}/stats").status_code == 404
    assert shop.open(f"/users/{user_id}", "DELETE").status_code == 404


def test_a_write_waits_for_the_read_models(shop: Script, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PATIENCE_SECONDS", 60.0)
    answered, too_early = threading.Event(), []

    def project_later() -> None:
        runtime.events.wait_beyond(0, 60.0)
        too_early.append(answered.wait(0.2))
        runtime.projections.catch_up()

    projecting = threading.Thread(target=project_later)
    projecting.start()
    user_id = registered(shop)
    answered.set()
    assert shop.get(f"/users/{user_id}").status_code == 200
    projecting.join()
    assert too_early == [False]


@pytest.mark.usefixtures("impatient")
def test_a_write_succeeds_when_nobody_projects(shop: Script) -> None:
    user_id = registered(shop)
    assert shop.get(f"/users/{user_id}").status_code == 404


@pytest.mark.usefixtures("impatient")
def test_users_are_found_by_address_or_city(shop: Script, runtime: Runtime) -> None:
    ada, bob, eve = (registered(shop, email=f"{name}@example.org") for name in ("ada", "bob", "eve"))
    runtime.projections.catch_up()
    found = json(shop.get("/users?email=BOB@example.org"))
    assert ([user["id"] for user in found["users"]], found["next"]) == ([bob], None)
    assert json(shop.get("/users?email=nobody@example.org")) == {"users": [], "next": None}

    first = json(shop.get("/users?city=London&limit=2"))
    second = json(shop.get(f"/users?city=London&limit=2&cursor={first['next']}"))
    assert [user["id"] for user in first["users"] + second["users"]] == sorted([ada, bob, eve])
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "field"), [("", "city"), ("city=x&limit=0", "limit"), ("city=x&limit=many", "limit"), ("town=x", "town")]
)
def test_a_search_that_cannot_be_meant_is_refused(empty_shop: Script, query: str, field: str) -> None:
    assert field in json(empty_shop.get(f"/users?{query}"), 422)["errors"]


def test_all_faults_of_a_new_user_are_told_at_once(empty_shop: Script) -> None:
    answer = json(empty_shop.post("/users", {"name": " ", "email": "ada", "password": "short", "town": "x"}), 422)
    assert answer["errors"].keys() == {"name", "email", "password", "town"}
    assert answer["error"]["code"] == "invalid"
    assert "short" not in str(answer)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"userId": ["This field is required."], "amount": ["This field is required."]}),
        ({"userId": "nobody", "amount": "5"}, {"userId": [NO_USER]}),
        ({"userId": "a/b", "amount": "5"}, {"userId": [NO_USER]}),
        ({"userId": 7, "amount": "5"}, {"userId": ["This must be text."]}),
        ({"userId": "a", "amount": 1.005}, {"amount": ["Give at most 2 decimal places."]}),
        ({"userId": "a", "amount": "-1"}, {"amount": ["This must be 0.01 or more."]}),
        ({"userId": "a", "amount": None}, {"amount": ["This must be a number, such as 12.50."]}),
    ],
)
def test_faults_of_an_order_stand_under_the_names_of_the_route(
    empty_shop: Script, idle_runtime: Runtime, body: dict[str, object], errors: dict[str, list[str]]
) -> None:
    assert json(empty_shop.post("/orders", body), 422)["errors"] == errors
    assert idle_runtime.events.head() == 0


@pytest.mark.parametrize("user_id", ["nobody", "%00", "a%0Ab", "%F0%9F%92%A9", "x" * 500, "..%2F..", "%C3%28"])
@pytest.mark.parametrize(
    ("method", "tail"), [("GET", ""), ("GET", "/stats"), ("PUT", ""), ("DELETE", "")], ids=lambda part: part or "-"
)
def test_an_unknown_or_impossible_user_is_not_found(empty_shop: Script, user_id: str, method: str, tail: str) -> None:
    body = {"name": "Eve"} if method == "PUT" else None
    answer = json(empty_shop.open(f"/users/{user_id}{tail}", method, json=body), 404)
    assert answer["error"]["code"] == "not_found"


@pytest.mark.parametrize("path", ["/users", "/orders"])
@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"x"', b'{"name": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(empty_shop: Script, path: str, body: bytes) -> None:
    answer = empty_shop.open(path, "POST", data=body, content_type="application/json")
    assert json(answer, 422)["error"]["message"]


@pytest.mark.usefixtures("impatient")
def test_a_repeated_request_registers_nobody_twice(shop: Script, runtime: Runtime) -> None:
    key = {"Idempotency-Key": "register ada"}
    first = json(shop.post("/users", ADA, headers=key), 201)
    assert json(shop.post("/users", ADA, headers=key), 200) == first
    assert runtime.events.head() == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/users"),
        ("PUT", "/users/ada"),
        ("DELETE", "/users/ada"),
        ("POST", "/orders"),
    ],
)
def test_viewers_do_not_write(empty_app: Flask, method: str, path: str) -> None:
    assert (
        json(Script(empty_app, Role.VIEWER, f"{method} {path}").open(path, method, json={}), 403)["error"]["code"]
        == "refused"
    )


@pytest.mark.parametrize("path", ["/users?city=London", "/users/ada", "/users/ada/stats"])
def test_strangers_do_not_read(empty_app: Flask, path: str) -> None:
    assert json(empty_app.test_client().get(path), 401)["error"]["code"] == "not_signed_in"


@pytest.mark.usefixtures("impatient")
def test_no_audit_row_and_no_log_shows_the_password(
    shop: Script, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    registered(shop)
    assert ADA["password"] not in caplog.text
    assert ADA["password"] not in repr(runtime.audit.page().items)
