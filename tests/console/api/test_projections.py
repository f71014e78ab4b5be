"""How projections are, and stopping them."""

from __future__ import annotations

import csv
import io

import pytest

from cqrs.runtime import Runtime
from tests.console.browser import Script

CONTRACT = (
    "name",
    "state",
    "checkpoint",
    "head",
    "lag_events",
    "lag_seconds",
    "seconds_since_advance",
    "rate",
    "parked",
    "generation",
    "last_check",
)


@pytest.fixture(autouse=True)
def history(operator: Script) -> None:
    for number in range(3):
        operator.send("OpenAccount", account_id=str(number), owner="Ana")


def test_what_a_projection_says_of_itself(viewer: Script, runtime: Runtime) -> None:
    body = viewer.get("/api/projections").json
    (accounts,) = body["projections"]
    assert body["next"] is None
    assert set(CONTRACT) <= set(accounts)
    assert (accounts["name"], accounts["head"], accounts["checkpoint"], accounts["lag_events"]) == ("accounts", 3, 0, 3)
    runtime.projections.catch_up()
    accounts = viewer.get("/api/projections/accounts").json
    assert (accounts["checkpoint"], accounts["lag_events"], accounts["parked"], accounts["generation"]) == (3, 0, 0, 1)


def test_as_csv(viewer: Script) -> None:
    (row,) = csv.DictReader(io.StringIO(viewer.get("/api/projections?format=csv").text, newline=""))
    assert tuple(row) == CONTRACT
    assert row["head"] == "3"


def test_pausing_and_resuming(operator: Script, runtime: Runtime) -> None:
    runtime.projections.catch_up()  # somebody is at work, so the state is known
    paused = operator.post("/api/projections/accounts/pause", {"reason": "  a look around "})
    assert paused.status_code == 200
    assert paused.json["state"] == "paused"
    assert (paused.json["paused_by"], paused.json["paused_reason"]) == ("operator-script", "a look around")
    resumed = operator.open("/api/projections/accounts/pause", "DELETE")
    assert resumed.status_code == 200
    assert resumed.json["state"] != "paused"
    rows = [(entry.action, entry.target, entry.reason) for entry in runtime.audit.page(limit=2).items]
    assert rows == [("resume", "accounts", None), ("pause", "accounts", "a look around")]


@pytest.mark.parametrize("body", [{"reason": 5}, {"reason": "x" * 501}, {"reason": "a\0b"}, {"why": "x"}, []])
def test_reasons_that_are_none(operator: Script, body: object) -> None:
    assert operator.post("/api/projections/accounts/pause", body).status_code == 422
    assert operator.get("/api/projections/accounts").json["paused_by"] is None


def test_nothing_is_parked(viewer: Script) -> None:
    assert viewer.get("/api/projections/accounts/parked").json == {"parked": [], "next": None}


@pytest.mark.parametrize("path", ["", "/parked"])
def test_unknown_projections(viewer: Script, path: str) -> None:
    assert viewer.get(f"/api/projections/nothing{path}").status_code == 404


def test_an_unknown_projection_cannot_be_paused(operator: Script, runtime: Runtime) -> None:
    assert operator.post("/api/projections/nothing/pause").status_code == 404
    assert runtime.audit.page(limit=1).items[0].outcome == "refused"
