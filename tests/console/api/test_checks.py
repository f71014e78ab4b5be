"""Checks, repairs and explanations as programs ask for them."""

from __future__ import annotations

from typing import Any

import pytest

from cqrs.runtime import Runtime
from cqrs.workers.operation_runner import OperationRunner
from tests.console.browser import Script


@pytest.fixture(autouse=True)
def history(operator: Script, runtime: Runtime) -> None:
    for number in range(30):
        operator.send("OpenAccount", account_id=str(number), owner="Ana")
    operator.send("Deposit", account_id="3", amount="2.50")
    runtime.projections.catch_up()


def carry_out(runtime: Runtime, operator: Script, address: str) -> dict[str, Any]:
    OperationRunner(runtime.operations, runtime.operation_handlers, "worker").step()
    done: dict[str, Any] = operator.get(address).json
    assert done["state"] == "succeeded", done["errors"]
    return done


def plant(runtime: Runtime) -> None:
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET balance = 9, iban = 'XX' WHERE account_id = '3'")


def test_from_a_check_to_a_repair_to_a_clean_check(operator: Script, runtime: Runtime) -> None:
    plant(runtime)
    asked = operator.post("/api/projections/accounts/checks", {"level": "full"})
    assert asked.status_code == 202
    done = carry_out(runtime, operator, asked.json["operation"])
    check = operator.get(done["result"]["check"]).json
    assert (check["projection"], check["level"], check["reference"], check["verdict"]) == (
        "accounts", "full", "log", "drift",
    )  # fmt: skip
    assert (check["position"], check["checked"], check["missing"], check["extra"]) == (31, 30, 0, 0)
    assert (check["changed"], check["pending"], check["next"]) == (1, 0, None)
    assert check["duration_seconds"] >= 0
    (finding,) = check["findings"]
    assert (finding["key"], finding["kind"]) == ("3", "changed")
    assert finding["columns"]["balance"] == {"stored": "9.00", "expected": "2.50"}
    assert "XX" not in str(finding)
    fixed = operator.post("/api/projections/accounts/repairs", {"check": done["result"]["check"], "reason": "typed"})
    assert fixed.status_code == 202
    result = carry_out(runtime, operator, fixed.json["operation"])["result"]
    assert result["repaired"] == 1
    assert operator.get(result["check"]).json["verdict"] == "none"
    row = operator.get("/api/read-models/accounts/rows/3").json
    assert row["balance"] == "2.50"
    audited = [entry for entry in runtime.audit.page(limit=10).items if entry.action == "repair-rows"]
    assert [(entry.actor, entry.target, entry.reason) for entry in audited] == [
        ("operator-script", "accounts", "typed")
    ]
    assert "XX" not in str(audited[0].detail)


def test_a_repair_is_looked_at_before_it_is_asked_for(operator: Script, runtime: Runtime) -> None:
    plant(runtime)
    asked = operator.post("/api/projections/accounts/checks", {"level": "full"})
    check = carry_out(runtime, operator, asked.json["operation"])["result"]["check"]
    before = len(runtime.audit.page(limit=200).items)
    for body in ({"check": check}, {"keys": ["3", "4", "[}"]}):
        answer = operator.post("/api/projections/accounts/repairs?dry_run=1", body)
        assert answer.status_code == 200
        planned = answer.json
        (row,) = planned["rows"]
        assert (row["key"], row["before"]["balance"], row["after"]["balance"]) == ("3", "9.00", "2.50")
        assert planned["position"] == 31
        assert "XX" not in str(planned)
        assert "DE00" not in str(planned)
    assert planned["right"] == 2
    assert len(runtime.audit.page(limit=200).items) == before
    assert runtime.operations.page(kind="repair") == []
    assert operator.get("/api/read-models/accounts/rows/3").json["balance"] == "9.00"


def test_looking_at_a_repair_is_refused_like_the_repair(operator: Script, viewer: Script) -> None:
    address = "/api/projections/accounts/repairs?dry_run=1"
    assert operator.post(address, {}).status_code == 422
    assert operator.post(address, {"keys": []}).status_code == 422
    assert operator.post("/api/projections/accounts/repairs?dry_run=often", {"keys": ["3"]}).status_code == 422
    assert operator.post("/api/projections/nothing/repairs?dry_run=1", {"keys": ["3"]}).status_code == 404
    assert viewer.post(address, {"keys": ["3"]}).status_code == 403
    described = operator.get("/api/openapi.json").json["paths"]["/api/projections/{name}/repairs"]["post"]
    assert "dry_run" in [each["name"] for each in described["parameters"]]


@pytest.mark.parametrize("level", ["incremental", "rolling", "sample"])
def test_checks_of_other_levels_say_what_they_looked_at(operator: Script, runtime: Runtime, level: str) -> None:
    plant(runtime)
    asked = operator.post("/api/projections/accounts/checks", {"level": level})
    done = carry_out(runtime, operator, asked.json["operation"])
    check = operator.get(done["result"]["check"]).json
    assert (check["level"], check["verdict"], check["changed"], check["rows"]) == (level, "drift", 1, 30)
    assert check["method"] == done["result"]["method"]
    assert check["events"] >= 30
    assert check["coverage"]["oldest_at"] is not None
    assert (check["estimate"] is not None) == (level == "sample")
    if level == "sample":
        assert (check["estimate"]["low"], check["estimate"]["high"]) == (1, 1)


def test_a_row_explained(viewer: Script, runtime: Runtime) -> None:
    plant(runtime)
    found = viewer.get("/api/read-models/accounts/rows/3/explain").json
    assert (found["equal"], found["position"], found["stored"]["balance"]) == (False, 31, "9.00")
    assert found["derived"]["balance"] == "2.50"
    assert [event["type"] for event in found["events"]] == ["AccountOpened", "Deposited"]
    assert found["events"][0]["summary"] == "Ana opened an account"
    assert found["events"][1]["changes"] == {"balance": {"before": "0.00", "after": "2.50"}}
    assert "DE00" not in str(found)
    assert viewer.get("/api/read-models/accounts/rows/nobody/explain").status_code == 404
    assert viewer.get("/api/read-models/nothing/rows/3/explain").status_code == 404


@pytest.mark.parametrize(
    ("address", "given", "status"),
    [
        ("accounts/checks", {"level": "deep"}, 422),
        ("accounts/checks", {"level": 3}, 422),
        ("accounts/checks", {"depth": "full"}, 422),
        ("nothing/checks", {}, 404),
        ("accounts/repairs", {}, 422),
        ("accounts/repairs", {"keys": []}, 422),
        ("accounts/repairs", {"keys": "3"}, 422),
        ("accounts/repairs", {"keys": ["3"], "check": "x"}, 422),
        ("accounts/repairs", {"check": "unknown"}, 404),
    ],
)
def test_what_is_refused(operator: Script, address: str, given: object, status: int) -> None:
    assert operator.post(f"/api/projections/{address}", given).status_code == status


def test_who_may_not(viewer: Script) -> None:
    assert viewer.post("/api/projections/accounts/checks", {}).status_code == 403
    assert viewer.post("/api/projections/accounts/repairs", {"keys": ["3"]}).status_code == 403


def test_a_repair_waits_for_its_turn_and_a_check_does_not(operator: Script) -> None:
    assert operator.post("/api/projections/accounts/repairs", {"keys": ["3"]}).status_code == 202
    assert operator.post("/api/projections/accounts/repairs", {"keys": ["4"]}).status_code == 409
    assert operator.post("/api/projections/accounts/checks", {}).status_code == 202


def test_the_list_of_checks(operator: Script, viewer: Script, runtime: Runtime) -> None:
    asked = operator.post("/api/projections/accounts/checks")
    carry_out(runtime, operator, asked.json["operation"])
    (check,) = viewer.get("/api/checks?projection=accounts").json["checks"]
    assert check["verdict"] == "none"
    assert viewer.get("/api/checks/unknown").status_code == 404
