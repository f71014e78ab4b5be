"""`cqrs replay`, `rollback`, `operations …`, `parked …`: long work from a shell, watched until it is over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from app import create_app
from cqrs.cli_watching import BAR_WIDTH, Bar
from cqrs.example.projections import Users
from cqrs.messages import Context
from cqrs.runtime import EXTENSION, Runtime
from tests.console.work import operation

Run = Callable[..., Result]


@pytest.fixture
def app(migrated_file: Path, tmp_path: Path) -> Any:
    shutil.copyfile(migrated_file, tmp_path / "projectionist.db")
    app = create_app({"INSTANCE": str(tmp_path), "DEMO": "0", "HOST": "127.0.0.1", "PORT": "5000"})
    yield app
    app.extensions[EXTENSION].close()


@pytest.fixture
def runtime(app: Any) -> Runtime:
    """With three users in the log, and their rows."""
    runtime: Runtime = app.extensions[EXTENSION]
    runtime.init()
    add_users(runtime)
    runtime.projections.catch_up()
    return runtime


@pytest.fixture
def cqrs(app: Any, runtime: Runtime) -> Run:
    """Runs `cqrs` with these arguments; it must succeed unless told otherwise."""

    def run(*arguments: str, exit_code: int = 0) -> Result:
        result: Result = app.test_cli_runner().invoke(args=["cqrs", *arguments])
        assert result.exit_code == exit_code, result.output
        return result

    return run


def add_users(runtime: Runtime) -> None:
    for number in range(3):
        fields = {"name": f"User {number}", "email": f"user{number}@example.org", "password": "correct horse"}
        runtime.mediator.send(runtime.catalogue.commands["CreateUser"](**fields), Context(actor="ada"))


def test_without_a_worker_a_replay_is_done_here(cqrs: Run, runtime: Runtime) -> None:
    result = cqrs("replay", "users", "--reason", "counted twice")
    assert "Readers see generation 2, as of position 3. Rows: 3 equal, 0 changed" in result.stdout
    assert result.stderr.splitlines()[0] == "replay: requested"
    assert runtime.projections.status("users").generation == 2
    (entry,) = runtime.audit.page().items
    assert (entry.action, entry.target, entry.reason, entry.outcome) == ("replay", "users", "counted twice", "done")


def test_json_is_the_operation_and_nothing_else(cqrs: Run) -> None:
    result = cqrs("replay", "users", "--json")
    found = json.loads(result.stdout)
    assert result.stderr == ""
    assert (found["kind"], found["state"], found["result"]["generation"]) == ("replay", "succeeded", 2)
    assert json.loads(cqrs("rollback", "users", "--json").stdout)["result"]["generation"] == 1


def test_a_replay_with_review_waits_until_somebody_approves(cqrs: Run, runtime: Runtime) -> None:
    result = cqrs("replay", "users", "--review", exit_code=1)
    identity = runtime.operations.page()[0].id
    assert "waits for review: A review was asked for. Readers see the rows they saw before." in result.stdout
    assert f"cqrs operations approve {identity}" in result.stdout
    assert runtime.projections.status("users").generation == 1
    assert "goes on" in cqrs("operations", "approve", identity).stdout
    assert "does not wait for review" in cqrs("operations", "approve", identity, exit_code=1).stderr


def test_cancelling_and_the_list(cqrs: Run, runtime: Runtime) -> None:
    asked = runtime.start_replay("users", actor="ada")
    assert "is cancelled" in cqrs("operations", "cancel", asked.id).stdout
    table = cqrs("operations", "list").stdout.splitlines()
    assert table[1].split()[:4] == [asked.id, "replay", "users", "cancelled"]
    assert json.loads(cqrs("operations", "list", "--state", "failed", "--json").stdout) == {"operations": []}
    assert "There is no operation nope." in cqrs("operations", "cancel", "nope", exit_code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["replay", "nothing"], "There is no projection nothing."),
        (["rollback", "users"], "has no earlier generation"),
        (["parked", "retry", "nothing"], "There is no projection nothing."),
        (["parked", "skip", "users", "k", "--reason", "x"], "is not parked"),
    ],
)
def test_refusals_are_one_sentence(cqrs: Run, arguments: list[str], sentence: str) -> None:
    result = cqrs(*arguments, exit_code=1)
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert sentence in result.stderr


def test_a_second_replay_is_refused_while_one_is_not_finished(cqrs: Run, runtime: Runtime) -> None:
    runtime.start_replay("users", actor="ada")
    assert "A replay of users is not finished." in cqrs("replay", "users", exit_code=1).stderr
    assert runtime.audit.page(limit=1).items[0].outcome == "refused"


def test_a_replay_that_fails_says_why(cqrs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Users, "on_error", "stop")
    broken = tuple(replace(handler, function=refuse) for handler in Users.handlers)
    monkeypatch.setattr(Users, "handlers", broken)
    result = cqrs("replay", "users", exit_code=1)
    assert "A replay of users failed: " in result.stdout
    assert "no user today" in result.stdout
    assert "Readers stayed on generation 1." in result.stdout


def refuse(*arguments: Any) -> None:
    raise ValueError("no user today")


def test_parked_keys_are_listed_retried_and_skipped(
    cqrs: Run, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Users, "handlers", tuple(replace(handler, function=refuse) for handler in Users.handlers))
        fields = {"name": "Late", "email": "late@example.org", "password": "correct horse"}
        runtime.mediator.send(runtime.catalogue.commands["CreateUser"](**fields), Context(actor="ada"))
        runtime.projections.catch_up("users")
        (parked,) = json.loads(cqrs("parked", "list", "users", "--json").stdout)["parked"]
        assert (parked["position"], parked["event_type"]) == (4, "UserCreated")
        again = cqrs("parked", "retry", "users", exit_code=1)
        assert "0 released, 1 failed again." in again.stdout
        assert "no user today" in again.stderr
    assert parked["key"] in cqrs("parked", "list", "users").stdout
    assert "1 released, 0 failed again." in cqrs("parked", "retry", "users", parked["key"]).stdout
    assert runtime.read_models.row("users", parked["key"]) is not None


def test_where_it_stopped_the_key_is_parked_or_the_event_skipped(
    cqrs: Run, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Users, "on_error", "stop")
    with monkeypatch.context() as patched:
        patched.setattr(Users, "handlers", tuple(replace(handler, function=refuse) for handler in Users.handlers))
        for name in ("late", "later"):
            fields = {"name": name, "email": f"{name}@example.org", "password": "correct horse"}
            runtime.mediator.send(runtime.catalogue.commands["CreateUser"](**fields), Context(actor="ada"))
        runtime.projections.catch_up("users")
        assert "does not stand at event 3" in cqrs("parked", "add", "users", "--position", "3", exit_code=1).stderr
        parked = json.loads(cqrs("parked", "add", "users", "--reason", "later", "--json").stdout)["parked"]
        assert (parked["position"], parked["reason"]) == (4, "later")
        runtime.projections.catch_up("users")
        failure = runtime.projections.status("users").failure
        assert failure is not None
        assert failure.key is not None
        skipped = cqrs("parked", "skip", "users", failure.key, "--reason", "a forgery")
        assert "users goes on behind 5." in skipped.stdout
    runtime.projections.catch_up("users")
    assert (runtime.projections.status("users").checkpoint, runtime.projections.status("users").parked) == (5, 1)
    assert [entry.action for entry in runtime.audit.page(limit=3).items] == ["skip", "park", "park"]


def test_all_keys_that_fail_ahead_are_told_and_parked_at_once(
    cqrs: Run, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Users, "on_error", "stop")
    monkeypatch.setattr(Users, "handlers", tuple(replace(handler, function=refuse) for handler in Users.handlers))
    for name in ("late", "later"):
        fields = {"name": name, "email": f"{name}@example.org", "password": "correct horse"}
        runtime.mediator.send(runtime.catalogue.commands["CreateUser"](**fields), Context(actor="ada"))
    runtime.projections.catch_up("users")
    assert (
        "2 events looked at, up to the head of the log; 2 would be set aside."
        in cqrs("parked", "ahead", "users").stdout
    )
    found = json.loads(cqrs("parked", "ahead", "users", "--json").stdout)
    assert ([key["position"] for key in found["keys"]], found["until"], found["is_head"]) == ([4, 5], 5, True)
    done = cqrs("parked", "add", "users", "--ahead", "--reason", "a bad import")
    assert "2 keys are parked, all others applied up to 5; users goes on." in done.stdout
    assert runtime.projections.status("users").parked == 2
    (entry,) = runtime.audit.page(limit=1).items
    assert (entry.action, entry.target) == ("park", "what fails of users from event 4 on")
    assert "does not stand at event 5" in cqrs("parked", "add", "users", "--ahead", exit_code=1).stderr


def test_all_are_paused_and_resumed_at_once(cqrs: Run, runtime: Runtime) -> None:
    cqrs("pause", "--all", "--reason", "deploy")
    assert {status.paused_reason for status in runtime.projections.statuses()} == {"deploy"}
    cqrs("resume", "--all")
    assert [status.paused_at for status in runtime.projections.statuses()] == [None] * 4
    for arguments in (["pause"], ["pause", "users", "--all"], ["resume"]):
        assert "Give the name of a projection, or --all." in cqrs(*arguments, exit_code=2).stderr


def test_the_bar_says_what_is_known_and_no_more() -> None:
    known = Bar.line(operation(done=51, total=100, rate=10.0))
    assert known.endswith(" 51 %  51 of 100  10/s  about 5 s left")
    assert known.count("#") == BAR_WIDTH * 51 // 100
    assert Bar.line(operation(done=1, total=2)).endswith("speed unknown  time left unknown")
    assert "how far it is is unknown" in Bar.line(operation(done=7))
