"""Questions, and how long they wait for what was written."""

from __future__ import annotations

import pytest

from cqrs.dispatch import QueryAnswer
from cqrs.runtime import Runtime
from tests.console.browser import Script


@pytest.fixture
def written(operator: Script) -> int:
    operator.send("OpenAccount", account_id="1", owner="Ana")
    position: int = operator.send("Deposit", account_id="1", amount="10.50").json["position"]
    return position


def test_an_answer_says_up_to_where_it_knows(viewer: Script, runtime: Runtime, written: int) -> None:
    runtime.projections.catch_up()
    answer = viewer.get("/api/queries/GetBalance?account_id=1")
    assert answer.json == {"balance": "10.50"}
    assert answer.headers["X-Position"] == str(written)


def test_an_answer_of_nothing_says_so_too(viewer: Script, runtime: Runtime, written: int) -> None:
    runtime.projections.catch_up()
    answer = viewer.get(f"/api/queries/GetBalance?account_id=nobody&min_position={written}")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
    assert answer.headers["X-Position"] == str(written), "it is known to be gone as of there, not just not seen yet"


def test_who_has_written_waits_until_it_is_visible(viewer: Script, runtime: Runtime, written: int) -> None:
    address = f"/api/queries/GetBalance?account_id=1&min_position={written}&timeout_ms=0"
    early = viewer.get(address)
    assert early.status_code == 425
    assert early.json["error"]["code"] == "not_visible_yet"
    assert early.json["position"] == 0
    runtime.projections.catch_up()
    assert viewer.get(address).status_code == 200


def test_a_row_that_somebody_else_spoiled_is_told_and_not_answered(
    viewer: Script, runtime: Runtime, written: int
) -> None:
    runtime.projections.catch_up()
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET balance = 'plenty'")
    answer = viewer.get("/api/queries/GetBalance?account_id=1")
    assert answer.status_code == 503
    assert answer.json["error"]["code"] == "row_unreadable"
    assert "correct it, or replay" in answer.json["error"]["message"]


@pytest.mark.parametrize(("query", "seconds"), [("", 1.0), ("&timeout_ms=0", 0.0), ("&timeout_ms=2500", 2.5)])
def test_how_long_it_waits(
    viewer: Script, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, query: str, seconds: float
) -> None:
    waited: list[float] = []

    def ask(*_: object, wait_seconds: float, **__: object) -> QueryAnswer:
        waited.append(wait_seconds)
        return QueryAnswer(value={}, position=7)

    monkeypatch.setattr(runtime.mediator, "ask", ask)
    viewer.get(f"/api/queries/GetBalance?account_id=1&min_position=7{query}")
    assert waited == [seconds]


def test_nothing_is_404(viewer: Script) -> None:
    assert viewer.get("/api/queries/GetBalance?account_id=9").status_code == 404
    assert viewer.get("/api/queries/Nothing").status_code == 404
    assert viewer.get("/api/queries/Nothing?min_position=1").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "account_id"),
        ("account_id=1&places=x", "places"),
        ("account_id=1&colour=red", "colour"),
        ("account_id=%00", "account_id"),
        ("account_id=1&account_id=2", "account_id"),
        ("account_id=1&min_position=x", "min_position"),
        ("account_id=1&timeout_ms=999999", "timeout_ms"),
    ],
)
def test_bad_questions(viewer: Script, query: str, field: str) -> None:
    answer = viewer.get(f"/api/queries/GetBalance?{query}")
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {field}


def test_texts_of_an_address_become_what_the_field_needs(viewer: Script, runtime: Runtime, written: int) -> None:
    runtime.projections.catch_up()
    assert viewer.get("/api/queries/GetBalance?account_id=1&places=3").status_code == 200
