"""What is known of the drift of all read models, as programs ask for it."""

from __future__ import annotations

from cqrs.runtime import Runtime
from cqrs.workers.operation_runner import OperationRunner
from tests.console.browser import Script


def test_each_read_model_has_its_last_check_its_coverage_and_what_is_due(operator: Script, runtime: Runtime) -> None:
    operator.send("OpenAccount", account_id="1", owner="Ana")
    runtime.projections.catch_up()
    runtime.schedules.ensure()
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE accounts__g1 SET balance = 9")
    operator.post("/api/projections/accounts/checks", {"level": "full"})
    OperationRunner(runtime.operations, runtime.operation_handlers, "worker").step()
    first, *others = operator.get("/api/drift").json["drift"]
    assert (first["projection"], first["verdict"], first["standing"]) == ("accounts", "drift", 1)
    assert operator.get(first["last_check"]["check"]).json["changed"] == 1
    assert first["coverage"]["verified_position"] == 1
    assert first["next_schedule"].startswith("check-accounts-")
    assert first["next_due"].endswith("Z")
    assert [(each["verdict"], each["last_check"]) for each in others] == [(None, None)] * len(others)
    told = operator.get("/api/drift?format=csv").get_data(as_text=True).splitlines()
    assert told[0] == "projection,generation,verdict,standing,last_check,coverage,next_due,next_schedule"
    assert len(told) == 2 + len(others)


def test_every_list_page_has_its_data_at_its_address_below_api(operator: Script) -> None:
    for page in (
        "projections", "read-models", "events", "event-types", "streams", "drift", "schedules", "operations",
        "commands", "audit",
    ):  # fmt: skip
        answer = operator.get(f"/api/{page}")
        assert answer.status_code == 200, page
        noun, following = list(answer.json)[:2]
        assert isinstance(answer.json[noun], list)
        assert following == "next"
        assert operator.get(f"/api/{page}?format=csv").mimetype == "text/csv"
