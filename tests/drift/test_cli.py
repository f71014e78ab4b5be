"""`cqrs check` and `cqrs repair`, without a worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from app import create_app
from cqrs.messages import Context
from cqrs.runtime import EXTENSION, Runtime

Run = Callable[..., Result]


@pytest.fixture
def app(tmp_path: Path) -> Any:
    app = create_app({"INSTANCE": str(tmp_path), "DEMO": "0", "HOST": "127.0.0.1", "PORT": "5000"})
    yield app
    app.extensions[EXTENSION].close()


@pytest.fixture
def cqrs(app: Any) -> Run:
    def run(*arguments: str, exit_code: int = 0) -> Result:
        result: Result = app.test_cli_runner().invoke(args=["cqrs", *arguments])
        assert result.exit_code == exit_code, result.output
        return result

    return run


def test_a_wrong_row_is_found_and_repaired(app: Any, cqrs: Run) -> None:
    runtime: Runtime = app.extensions[EXTENSION]
    runtime.init()
    fields = {"name": "Ana", "email": "ana@example.org", "password": "correct horse"}
    runtime.mediator.send(runtime.catalogue.commands["CreateUser"](**fields), Context(actor="ada"))
    runtime.projections.catch_up()
    clean = json.loads(cqrs("check", "users", "--json").stdout)
    assert (clean["verdict"], clean["checked"]) == ("none", 1)
    with runtime.read.write() as connection:
        connection.exec_driver_sql("UPDATE users__g1 SET name = 'Eve'")
    found = json.loads(cqrs("check", "users", "--level", "full", "--json").stdout)
    assert (found["verdict"], found["changed"]) == ("drift", 1)
    assert "drift" in cqrs("check", "users").stdout
    planned = json.loads(cqrs("repair", "users", "--check", found["check"], "--dry-run", "--json").stdout)
    assert [(row["before"]["name"], row["after"]["name"]) for row in planned["rows"]] == [("Eve", "Ana")]
    assert (
        "1 rows would be written. Nothing was."
        in cqrs("repair", "users", "--check", found["check"], "--dry-run").stdout
    )
    assert json.loads(cqrs("check", "users", "--json").stdout)["changed"] == 1
    fixed = json.loads(cqrs("repair", "users", "--check", found["check"], "--json").stdout)
    assert (fixed["repaired"], fixed["verdict"]) == (1, "none")
    assert {"check", "repair", "repair-rows"} <= {entry.action for entry in runtime.audit.page(limit=20).items}


def test_refusals_are_sentences(app: Any, cqrs: Run) -> None:
    app.extensions[EXTENSION].init()
    for arguments in (["check", "nothing"], ["check", "users", "--level", "deep"], ["repair", "users"]):
        refused = cqrs(*arguments, exit_code=1)
        assert refused.stderr.startswith("Error: ")
