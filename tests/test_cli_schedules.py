"""`cqrs schedules …`: what runs by itself, from a shell."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from app import create_app
from cqrs.runtime import EXTENSION, Runtime

Run = Callable[..., Result]


@pytest.fixture
def runtime(migrated_file: Path, tmp_path: Path) -> Any:
    shutil.copyfile(migrated_file, tmp_path / "projectionist.db")
    app = create_app({"INSTANCE": str(tmp_path), "DEMO": "0", "HOST": "127.0.0.1", "PORT": "5000"})
    runtime: Runtime = app.extensions[EXTENSION]
    runtime.init()
    runtime.app = app  # type: ignore[attr-defined]
    yield runtime
    runtime.close()


@pytest.fixture
def run(runtime: Any) -> Run:
    return lambda *words: runtime.app.test_cli_runner().invoke(args=["cqrs", "schedules", *words])


def test_the_list_for_people_and_for_programs(run: Run) -> None:
    assert "every night at 02:00 UTC" in run("list").output
    found = {each["id"]: each for each in json.loads(run("list", "--json").output)["schedules"]}
    assert found["check-users-full"]["runs"] == "every night at 02:00 UTC"
    assert found["check-users-full"]["last_run"] is None


def test_pausing_and_resuming_leave_word(run: Run, runtime: Runtime) -> None:
    assert run("pause", "prune", "--reason", "a migration").output == "Prune sessions and requests is paused.\n"
    assert runtime.schedules.get("prune").schedule.paused_at is not None
    assert json.loads(run("resume", "prune", "--json").output)["paused"] is False
    entries = runtime.audit.page(target="prune").items
    assert [(entry.action, entry.reason) for entry in entries] == [
        ("resume-schedule", None),
        ("pause-schedule", "a migration"),
    ]


def test_running_one_now(run: Run, runtime: Runtime) -> None:
    document = json.loads(run("run", "check-users-full", "--json").output)
    assert document["operation"] == runtime.operations.page()[0].id
    assert "waits for whoever fires schedules" in run("run", "prune").output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("pause", "sample"), "Error: Sample projections is part of the program"),
        (("run", "nothing"), "Error: There is no schedule nothing."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run: Run, words: tuple[str, ...], sentence: str) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert result.output.startswith(sentence)
