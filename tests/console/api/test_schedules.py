"""Schedules for programs."""

from __future__ import annotations

from typing import Any

import pytest

from cqrs.runtime import Runtime
from tests.console.browser import Script
from tests.console.work import carry_out

CHECK = "/api/schedules/check-accounts-full"


def patch(who: Script, body: object) -> Any:
    return who.open(CHECK, "PATCH", json=body)


def test_the_list_tells_when_each_runs(viewer: Script) -> None:
    found = viewer.get("/api/schedules").json
    assert set(found) == {"schedules", "next", "scheduler"}
    assert (found["next"], found["scheduler"]) == (None, False)
    check = next(each for each in found["schedules"] if each["id"] == "check-accounts-full")
    facts = ("kind", "projection", "level", "reference", "cron", "every_seconds", "zone", "jitter_seconds", "paused")
    assert [check[name] for name in facts] == [
        "check",
        "accounts",
        "full",
        "log",
        "0 2 * * *",
        None,
        "UTC",
        1_200,
        False,
    ]
    assert check["words"] == "every night at 02:00 UTC"
    assert len(check["next_due"]) == 3
    assert all(due.endswith("T02:00:00Z") for due in check["next_due"])
    assert check["last_run"] is None


def test_the_list_as_csv(viewer: Script) -> None:
    lines = viewer.get("/api/schedules?format=csv").get_data(as_text=True).splitlines()
    assert lines[0].startswith("id,name,kind,projection")
    assert any(line.startswith("check-accounts-full,Full check of accounts") for line in lines)


def test_a_change(operator: Script, runtime: Runtime) -> None:
    answer = patch(operator, {"every_seconds": 900, "jitter_seconds": 30, "reason": "busy nights"})
    assert answer.status_code == 200
    assert (answer.json["words"], answer.json["cron"], answer.json["every_seconds"]) == ("every 15 minutes", None, 900)
    assert answer.json["changed_by"] == "operator-script"
    entry = runtime.audit.page(action="change-schedule").items[0]
    assert (entry.reason, entry.detail) == ("busy nights", {"every_seconds": 900, "jitter_seconds": 30})


def test_pausing_and_resuming(operator: Script) -> None:
    paused = patch(operator, {"paused": True}).json
    assert (paused["paused"], paused["paused_by"], paused["next_due"]) == (True, "operator-script", [])
    assert patch(operator, {"paused": False}).json["paused"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"zone": "Berlin"}, "zone"),
        ({"every_seconds": 1}, "every_seconds"),
        ({"jitter_seconds": 90_000}, "jitter_seconds"),
        ({"paused": "yes"}, "paused"),
        ({"name": "mine"}, "name"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(
    operator: Script, runtime: Runtime, body: dict[str, object], field: str
) -> None:
    answer = patch(operator, body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    assert runtime.schedules.get("check-accounts-full").schedule.changed_at is None


def test_a_check_is_run_now_and_tells_its_verdict(operator: Script, runtime: Runtime) -> None:
    answer = operator.post(f"{CHECK}/run", {"reason": "a customer called"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == answer.json["operation"]
    assert answer.json["run"]["asked_by"] == "operator-script"
    assert operator.post(f"{CHECK}/run").json["error"]["code"] == "operation_in_the_way"
    operation = carry_out(runtime)
    assert answer.json["operation"] == f"/api/operations/{operation.id}"
    run = operator.get(CHECK).json["runs"][0]
    assert (run["state"], run["verdict"], run["outcome"], run["due_at"]) == ("succeeded", "none", "no drift", None)
    assert operator.get(run["check"]).json["verdict"] == "none"


def test_a_job_is_run_by_whoever_fires_schedules(operator: Script) -> None:
    answer = operator.post("/api/schedules/prune/run")
    assert (answer.status_code, answer.json["operation"], answer.json["run"]["state"]) == (202, None, "waiting")


def test_who_may_not(viewer: Script, operator: Script) -> None:
    assert patch(viewer, {"paused": True}).status_code == 403
    assert viewer.post(f"{CHECK}/run").status_code == 403
    assert (
        operator.open("/api/schedules/sample", "PATCH", json={"paused": True}).json["error"]["code"] == "schedule_fixed"
    )
    assert viewer.get("/api/schedules/nothing").status_code == 404
