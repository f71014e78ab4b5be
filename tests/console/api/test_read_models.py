"""Rows over HTTP: typed filters, order, pages, keys with slashes."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from flask import Flask, url_for

from cqrs.console.api.lists import send_list
from cqrs.messages import MASK, Role
from cqrs.runtime import Runtime
from tests.console.browser import Script


@pytest.fixture(autouse=True)
def history(operator: Script, runtime: Runtime) -> None:
    for key, owner, amount in (("a", "Zoe", "5.50"), ("b/1~x", "Ana", "120.00"), ("c", "-Ben", "7.25")):
        operator.send("OpenAccount", account_id=key, owner=owner, iban="DE99")
        operator.send("Deposit", account_id=key, amount=amount)
    runtime.projections.catch_up()


def keys(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["account_id"] for row in answer.json["rows"]]


def test_rows_are_plain_objects_with_money_as_text(viewer: Script) -> None:
    body = viewer.get("/api/read-models/accounts").json
    assert body["rows"][0] == {"account_id": "a", "owner": "Zoe", "iban": MASK, "balance": "5.50"}
    assert body["position"] == 6
    assert body["count"] == {"value": 3, "capped": False}
    assert body["next"] is None


def test_order_and_filters(viewer: Script) -> None:
    assert keys(viewer.get("/api/read-models/accounts?sort=owner")) == ["c", "b/1~x", "a"]
    assert keys(viewer.get("/api/read-models/accounts?sort=-balance")) == ["b/1~x", "c", "a"]
    assert keys(viewer.get("/api/read-models/accounts?balance=7.25")) == ["c"]
    assert keys(viewer.get("/api/read-models/accounts?owner=Z*")) == ["a"]
    assert keys(viewer.get("/api/read-models/accounts?owner=nobody")) == []


@pytest.mark.parametrize("sort", ["", "&sort=owner", "&sort=-balance"])
def test_pages_follow_each_other(viewer: Script, sort: str) -> None:
    whole = keys(viewer.get(f"/api/read-models/accounts?limit=200{sort}"))
    found: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        query = {"cursor": cursor} if cursor else {}
        answer = viewer.get(f"/api/read-models/accounts?limit=1{sort}" + "".join(f"&{k}={v}" for k, v in query.items()))
        found += keys(answer)
        cursor = answer.json["next"]
        if cursor is None:
            break
    assert found == whole


@pytest.mark.parametrize(
    "query", ["colour=red", "balance=x", "sort=colour", "sort=_pos", "cursor=nonsense", "limit=0", "_pos=1"]
)
def test_what_the_table_does_not_have(viewer: Script, query: str) -> None:
    answer = viewer.get(f"/api/read-models/accounts?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json["errors"]


def test_a_row_by_its_key(app: Flask, viewer: Script) -> None:
    with app.test_request_context():
        address = url_for("api_read_models.row", name="accounts", key="b/1~x")
    assert address.endswith("/rows/b~11~0x")
    answer = viewer.get(address)
    assert answer.json["balance"] == "120.00"
    assert answer.headers["X-Position"] == "4"
    assert viewer.get("/api/read-models/accounts/rows/nothing").status_code == 404
    assert viewer.get("/api/read-models/nothing/rows/a").status_code == 404
    assert viewer.get("/api/read-models/nothing").status_code == 404


def test_masked_columns(app: Flask, viewer: Script) -> None:
    assert viewer.get("/api/read-models/accounts/rows/a").json["iban"] == MASK
    assert Script(app, Role.ADMIN).get("/api/read-models/accounts/rows/a?unmask=1").json["iban"] == "DE99"
    assert viewer.get("/api/read-models/accounts?unmask=1").status_code == 403


def test_as_csv(viewer: Script) -> None:
    text = viewer.get("/api/read-models/accounts?format=csv").text
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["owner"] for row in rows] == ["Zoe", "Ana", "'-Ben"]
    assert "DE99" not in text


def test_read_models_and_their_columns(viewer: Script) -> None:
    (model,) = viewer.get("/api/read-models").json["read_models"]
    assert (model["name"], model["projection"], model["generation"]) == ("accounts", "accounts", 1)
    assert [column["name"] for column in model["columns"]] == ["account_id", "owner", "iban", "balance"]


def test_the_next_page_is_named_also_where_a_column_is_called_like_a_part_of_the_address(app: Flask) -> None:
    with app.test_request_context("/api/read-models/accounts?name=Ada&key=1&_anchor=x&cursor=old"):
        answer = send_list("rows", [], "new", form="json", columns=())
    assert answer.headers["Link"] == '</api/read-models/accounts?name=Ada&key=1&_anchor=x&cursor=new>; rel="next"'
