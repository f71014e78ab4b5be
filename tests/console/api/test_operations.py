"""Operations for programs: started, looked at, cancelled, approved."""

from __future__ import annotations

import pytest

from cqrs.runtime import Runtime
from tests.console.browser import Script
from tests.console.work import carry_out

CONTRACT = ("id", "kind", "state", "phase", "done", "total", "rate", "eta_seconds", "errors", "result")


@pytest.fixture(autouse=True)
def history(operator: Script, runtime: Runtime) -> None:
    for number in range(3):
        operator.send("OpenAccount", account_id=str(number), owner="Ana")
    runtime.projections.catch_up()


def start(operator: Script, **body: object) -> str:
    answer = operator.post("/api/projections/accounts/replays", body)
    assert answer.status_code == 202, answer.json
    assert set(answer.json) == {"operation"}
    assert answer.headers["Location"].endswith(answer.json["operation"])
    address: str = answer.json["operation"]
    return address


def test_a_replay_is_asked_for_and_its_result_is_what_the_contract_says(
    operator: Script, viewer: Script, runtime: Runtime
) -> None:
    address = start(operator, reason="  counted twice ")
    asked = viewer.get(address).json
    assert set(CONTRACT) <= set(asked)
    assert (asked["state"], asked["phase"], asked["rate"], asked["eta_seconds"]) == ("requested", None, None, None)
    assert asked["reason"] == "counted twice"
    carry_out(runtime)
    done = viewer.get(address).json
    assert done["state"] == "succeeded"
    result = done["result"]
    assert (result["generation"], result["previous"], result["position"]) == (2, 1, 3)
    assert {name: result["compared"][name] for name in ("equal", "changed", "missing", "extra")} == {
        "equal": 3, "changed": 0, "missing": 0, "extra": 0,
    }  # fmt: skip
    assert done["phases"][0]["name"] == "build"
    assert done["log"][0]["text"].startswith("Readers see generation 2")


def test_a_second_one_is_in_the_way_and_says_which(operator: Script) -> None:
    address = start(operator)
    for path in ("replays", "rollback"):
        refused = operator.post(f"/api/projections/accounts/{path}")
        assert refused.status_code == 409
    refused = operator.post("/api/projections/accounts/replays").json
    assert refused["error"]["code"] == "operation_in_the_way"
    assert refused["operation"] == address


@pytest.mark.parametrize("body", [{"review": "yes"}, {"review": 1}, {"review": None}, {"reason": 5}, {"why": "x"}])
def test_bodies_that_are_none_start_nothing(operator: Script, runtime: Runtime, body: object) -> None:
    assert operator.post("/api/projections/accounts/replays", body).status_code == 422
    assert runtime.operations.page() == []


def test_a_review_is_waited_for_and_given(operator: Script, viewer: Script, runtime: Runtime) -> None:
    address = start(operator, review=True)
    carry_out(runtime)
    waiting = viewer.get(address).json
    assert waiting["state"] == "waiting"
    assert waiting["result"]["why"] == "A review was asked for."
    assert viewer.post(f"{address}/approve").status_code == 403
    assert operator.post(f"{address}/approve").json["state"] == "running"
    assert operator.post(f"{address}/approve").status_code == 409
    assert carry_out(runtime).state == "succeeded"


def test_cancelling_ends_it_and_says_what_that_meant(operator: Script, runtime: Runtime) -> None:
    address = start(operator)
    cancelled = operator.post(f"{address}/cancel")
    assert (cancelled.status_code, cancelled.json["state"]) == (200, "cancelled")
    assert cancelled.json["result"] == {"outcome": "It had not begun: nothing was changed."}
    again = operator.post(f"{address}/cancel")
    assert (again.status_code, again.json["error"]["code"]) == (409, "operation_finished")
    entry = runtime.audit.page(limit=2).items
    assert [(row.action, row.target, row.outcome) for row in entry] == [
        ("cancel", "replay of accounts", "refused"),
        ("cancel", "replay of accounts", "done"),
    ]


def test_a_roll_back(operator: Script, runtime: Runtime) -> None:
    nothing = operator.post("/api/projections/accounts/rollback")
    assert (nothing.status_code, nothing.json["error"]["code"]) == (409, "nothing_to_roll_back")
    start(operator)
    carry_out(runtime)
    answer = operator.post("/api/projections/accounts/rollback", {"reason": "look again"})
    assert answer.status_code == 202
    carry_out(runtime)
    assert operator.get(answer.json["operation"]).json["result"]["generation"] == 1
    assert operator.get("/api/projections/accounts").json["generation"] == 1


def test_the_list_filters_and_pages(operator: Script, viewer: Script, runtime: Runtime) -> None:
    made = [runtime.operations.request("check", "accounts", actor="ben").id for _ in range(3)]
    start(operator)
    assert [each["kind"] for each in viewer.get("/api/operations").json["operations"]] == ["replay", *["check"] * 3]
    assert len(viewer.get("/api/operations?kind=replay&state=requested").json["operations"]) == 1
    assert viewer.get("/api/operations?kind=replay&state=failed").json == {"operations": [], "next": None}
    first = viewer.get("/api/operations?kind=check&limit=2").json
    assert [each["id"] for each in first["operations"]] == made[:0:-1]
    second = viewer.get(f"/api/operations?kind=check&limit=2&cursor={first['next']}").json
    assert ([each["id"] for each in second["operations"]], second["next"]) == ([made[0]], None)


def test_all_at_once(operator: Script, runtime: Runtime) -> None:
    assert operator.post("/api/projections/pause", {"reason": "deploy"}).json == {"projections": ["accounts"]}
    assert runtime.projections.status("accounts").paused_reason == "deploy"
    assert operator.open("/api/projections/pause", "DELETE").json == {"projections": ["accounts"], "refused": {}}
    assert runtime.projections.status("accounts").paused_at is None
    started = operator.post("/api/projections/replays")
    assert (started.status_code, set(started.json["operations"])) == (202, {"accounts"})
    assert "not finished" in operator.post("/api/projections/replays").json["refused"]["accounts"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/operations/nope"),
        ("POST", "/api/operations/nope/cancel"),
        ("POST", "/api/projections/nope/replays"),
        ("POST", "/api/projections/nope/rollback"),
    ],
)
def test_unknown_names(operator: Script, method: str, path: str) -> None:
    assert operator.open(path, method).status_code == 404


@pytest.mark.parametrize("path", ["accounts/replays", "accounts/rollback", "replays", "pause"])
def test_viewers_start_nothing(viewer: Script, runtime: Runtime, path: str) -> None:
    assert viewer.post(f"/api/projections/{path}").status_code == 403
    assert runtime.operations.page() == []
