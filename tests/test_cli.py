"""`flask --app app cqrs …`: what it prints, and that a refusal is a sentence and exit code 1."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from app import create_app
from cqrs.messages import Context
from cqrs.runtime import EXTENSION, Runtime
from cqrs.store.order_report import Holder, OrderReport

Run = Callable[..., Result]


@pytest.fixture
def app(tmp_path: Path) -> Any:
    app = create_app({"INSTANCE": str(tmp_path), "DEMO": "0", "HOST": "127.0.0.1", "PORT": "5000"})
    yield app
    app.extensions[EXTENSION].close()


@pytest.fixture
def runtime(app: Any) -> Runtime:
    runtime: Runtime = app.extensions[EXTENSION]
    return runtime


@pytest.fixture
def cqrs(app: Any) -> Run:
    """Runs `cqrs` with these arguments; it must succeed unless told otherwise."""

    def run(*arguments: str, exit_code: int = 0) -> Result:
        result: Result = app.test_cli_runner().invoke(args=["cqrs", *arguments])
        assert result.exit_code == exit_code, result.output
        return result

    return run


@pytest.fixture
def ready(cqrs: Run, migrated_file: Path, tmp_path: Path) -> Run:
    shutil.copyfile(migrated_file, tmp_path / "projectionist.db")
    cqrs("init-db")
    return cqrs


def place_users(runtime: Runtime, count: int) -> None:
    for number in range(count):
        fields = {"name": f"User {number}", "email": f"user{number}@example.org", "password": "correct horse"}
        runtime.mediator.send(runtime.catalogue.commands["CreateUser"](**fields), Context(actor="ada"))


def refusal(result: Result) -> str:
    """One sentence on stderr, nothing on stdout."""
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


@pytest.mark.parametrize(
    "arguments", [["status"], ["seed"], ["catch-up"], ["people", "list"], ["tokens", "list"], ["events", "tail"]]
)
def test_without_tables_every_command_says_what_to_run(cqrs: Run, arguments: list[str]) -> None:
    assert "init-db" in refusal(cqrs(*arguments, exit_code=1))


def test_init_db_may_be_repeated(cqrs: Run) -> None:
    assert "up to date" in cqrs("init-db").stdout
    cqrs("init-db")


def test_status_shows_what_is_known_and_dashes_for_the_rest(ready: Run, runtime: Runtime) -> None:
    place_users(runtime, 2)
    table = ready("status").stdout.splitlines()
    assert table[0].split() == ["NAME", "STATE", "CHECKPOINT", "HEAD", "LAG", "EVENTS", "PARKED"]
    found = json.loads(ready("status", "--json").stdout)["projections"]
    users = next(each for each in found if each["name"] == "users")
    assert (users["checkpoint"], users["head"], users["lag_events"]) == (0, 2, 2)
    assert users["state"] == "unknown"
    assert users["rate"] is None
    assert set(users) == {
        "name", "state", "checkpoint", "head", "lag_events", "lag_seconds", "seconds_since_advance", "rate", "parked",
        "generation", "last_check",
    }  # fmt: skip


def test_status_tells_where_the_log_stands(ready: Run, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    place_users(runtime, 2)
    found = json.loads(ready("status", "--json").stdout)
    assert (found["head"], found["safe_head"], found["order"]) == (2, 2, None)
    assert ready("status").stdout.splitlines()[-1] == "The head of the log is 2."
    holder = Holder(
        transaction="3/42", pid=1234, application="import", user=None, state="idle", prepared=None, age_seconds=42.0
    )
    held = OrderReport(head=9, safe_head=2, waiting=6, dead=1, held_seconds=3.5, holders=(holder,))
    monkeypatch.setattr(runtime.events, "order", lambda: held)
    assert ready("status").stdout.splitlines()[-3:] == [
        "The head of the log is 9, of which readers may pass 2.",
        "An append open for 42 s (pid 1234, import, idle) holds the order at 2; 6 events wait behind it.",
        "To end it by force, which rolls its append back: flask --app app cqrs end-append 3/42",
    ]
    order = json.loads(ready("status", "--json").stdout)["order"]
    assert (order["waiting"], order["dead"], order["held_seconds"]) == (6, 1, 3.5)
    assert "holds the order" in order["sentence"]
    assert order["holders"] == [
        {
            "transaction": "3/42", "pid": 1234, "application": "import", "user": None, "state": "idle",
            "prepared": None, "age_seconds": 42.0, "remedy": "SELECT pg_terminate_backend(1234)",
        }
    ]  # fmt: skip


def test_catch_up_applies_what_there_is(ready: Run, runtime: Runtime) -> None:
    place_users(runtime, 3)
    assert "3 events were applied" in ready("catch-up", "users").stdout
    assert runtime.projections.status("users").lag_events == 0
    assert runtime.projections.status("orders").lag_events == 3
    ready("catch-up")
    assert runtime.projections.status("orders").lag_events == 0
    assert "no projection nothing" in refusal(ready("catch-up", "nothing", exit_code=1))


def test_pause_and_resume_leave_their_mark(ready: Run, runtime: Runtime) -> None:
    ready("pause", "users", "--reason", "maintenance")
    status = runtime.projections.status("users")
    assert status.paused_at is not None
    assert status.paused_reason == "maintenance"
    ready("resume", "users")
    assert runtime.projections.status("users").paused_at is None
    refusal(ready("pause", "nothing", exit_code=1))
    entries = runtime.audit.page().items
    assert [(entry.action, entry.target, entry.outcome) for entry in entries] == [
        ("pause", "nothing", "refused"),
        ("resume", "users", "done"),
        ("pause", "users", "done"),
    ]
    assert entries[2].actor == status.paused_by
    assert entries[2].actor.endswith("(shell)")


def test_a_person_is_let_in_by_a_link_that_works_once(ready: Run, runtime: Runtime) -> None:
    link = ready("people", "add", "ada", "--role", "operator").stdout.strip()
    start, _, token = link.partition("?token=")
    assert start == "http://127.0.0.1:5000/sign-in"
    redeemed = runtime.people.redeem(token)
    assert redeemed is not None
    assert redeemed.name == "ada"
    another = json.loads(ready("people", "link", "ada", "--json").stdout)["link"]
    assert runtime.people.redeem(another.partition("?token=")[2]) is not None
    listed = json.loads(ready("people", "list", "--json").stdout)["people"]
    assert [(each["name"], each["role"]) for each in listed] == [("ada", "operator")]
    ready("people", "disable", "ada")
    assert "ada" in ready("people", "list").stdout
    refusal(ready("people", "link", "ada", exit_code=1))
    refusal(ready("people", "add", "a\nb", "--role", "viewer", exit_code=1))


def test_no_audit_row_holds_what_signs_in(ready: Run, runtime: Runtime) -> None:
    token = ready("people", "add", "ada", "--role", "viewer").stdout.strip().partition("?token=")[2]
    bearer = ready("tokens", "add", "robot", "--role", "viewer").stdout.strip()
    trail = repr(runtime.audit.page().items)
    assert "ada" in trail
    assert token not in trail
    assert bearer not in trail


def test_a_token_is_printed_once_and_revoked_by_name(ready: Run, runtime: Runtime) -> None:
    token = json.loads(ready("tokens", "add", "robot", "--role", "operator", "--json").stdout)["token"]
    principal = runtime.tokens.verify(token)
    assert principal is not None
    assert principal.name == "robot"
    refusal(ready("tokens", "add", "robot", "--role", "operator", exit_code=1))
    listed = ready("tokens", "list", "--json").stdout
    assert token not in listed
    assert json.loads(listed)["tokens"][0]["revoked_at"] is None
    ready("tokens", "revoke", "robot")
    assert runtime.tokens.verify(token) is None
    refusal(ready("tokens", "revoke", "robot", exit_code=1))


def test_what_was_done_is_told_as_json_as_well(ready: Run, runtime: Runtime) -> None:
    place_users(runtime, 1)
    ready("people", "add", "ada", "--role", "viewer")
    ready("tokens", "add", "robot", "--role", "viewer")

    def told(*arguments: str) -> Any:
        return json.loads(ready(*arguments, "--json").stdout)

    assert told("init-db") == {"database": runtime.main.name}
    assert told("catch-up", "users") == {"applied": 1}
    assert told("pause", "users")["state"] == "paused"
    assert told("resume", "users")["name"] == "users"
    lines = ready("pause", "--all", "--json").stdout.splitlines()
    assert {json.loads(line)["name"] for line in lines} == set(runtime.projections.names())
    assert told("people", "disable", "ada") == {"name": "ada", "disabled": True}
    assert told("tokens", "revoke", "robot") == {"name": "robot", "revoked": True}


def test_a_role_that_is_none_is_refused(ready: Run) -> None:
    assert ready("people", "add", "ada", "--role", "king", exit_code=2).exception


def test_the_last_events_are_shown_oldest_first(ready: Run, runtime: Runtime) -> None:
    place_users(runtime, 5)
    lines = ready("events", "tail", "--limit", "2").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["4", "5"]
    found = [json.loads(line) for line in ready("events", "tail", "--after", "1", "--json").stdout.splitlines()]
    assert [event["position"] for event in found] == [2, 3, 4, 5]
    assert found[0]["type"] == "UserCreated"
    assert found[0]["data"]["name"] == "User 1"
    assert found[0]["metadata"] == {"command": "CreateUser"}
    assert ready("events", "tail", "--type", "OrderPlaced").stdout == ""
    assert len(ready("events", "tail", "--stream", found[0]["stream"]).stdout.splitlines()) == 1


def test_a_hostile_event_cannot_move_the_cursor(ready: Run, runtime: Runtime) -> None:
    fields = {"name": "a\x1b[2Jb", "email": "x@example.org", "password": "correct horse"}
    runtime.mediator.send(runtime.catalogue.commands["CreateUser"](**fields), Context(actor="ada"))
    assert "\x1b" not in ready("events", "tail").stdout


def test_demo_data_are_only_loaded_into_an_empty_log(ready: Run, runtime: Runtime) -> None:
    place_users(runtime, 1)
    assert "already holds events" in refusal(ready("seed", exit_code=1))


def test_bad_settings_are_sentences(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from click.testing import CliRunner
    from flask.cli import FlaskGroup, ScriptInfo

    monkeypatch.setenv("INSTANCE", str(tmp_path))
    monkeypatch.setenv("PORT", "eighty")
    group = FlaskGroup(create_app=create_app, add_default_commands=False)
    result = CliRunner().invoke(group, ["cqrs", "status"], obj=ScriptInfo(create_app=lambda: create_app()))
    assert result.exit_code == 1
    assert "PORT=eighty must be a whole number" in refusal(result)
