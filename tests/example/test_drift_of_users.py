"""Users held against their credentials, wherever the two databases are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cqrs.drift import write_model_check
from cqrs.drift.check import Check
from cqrs.errors import InvalidMessage
from cqrs.example import domain
from cqrs.example.users import CreateUser, DeleteUser
from cqrs.messages import Context
from cqrs.runtime import Runtime
from cqrs.testing import temporary_runtime
from cqrs.workers.operation_runner import OperationRunner
from tests.example.places import databases

PLACES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.postgres),
    pytest.param("log on postgresql", marks=pytest.mark.postgres),
    pytest.param("rows on postgresql", marks=pytest.mark.postgres),
]


@pytest.fixture(params=PLACES)
def users(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    template = partial(request.getfixturevalue, "migrated_template")
    with databases(request.param, template) as environ, temporary_runtime(tmp_path, domain, environ=environ) as runtime:
        for n in range(4):
            add(runtime, n)
        runtime.projections.catch_up()
        yield runtime


def add(runtime: Runtime, n: int) -> str:
    command = CreateUser(name=f"User {n}", email=f"u{n}@example.org", password="correct horse")  # type: ignore[arg-type]
    return str(runtime.mediator.send(command, Context(actor="ada")).result["user_id"])


def check(runtime: Runtime) -> Check:
    asked = runtime.start_check("users", actor="ada", reference="write_model")
    OperationRunner(runtime.operations, runtime.operation_handlers, "worker").step()
    done = runtime.operations.get(asked.id)
    assert done.state == "succeeded", done.errors
    found = runtime.checks.of_operation(asked.id)
    assert found is not None
    return found


def test_an_address_that_was_changed_and_credentials_that_are_gone(users: Runtime) -> None:
    assert (check(users).verdict, check(users).checked) == ("none", 4)
    with users.read.write() as connection:
        connection.exec_driver_sql("UPDATE users__g1 SET email = 'eve@example.org' WHERE email = 'u1@example.org'")
    with users.main.write() as connection:
        connection.exec_driver_sql("DELETE FROM credentials WHERE email = 'u2@example.org'")
    found = check(users)
    kinds = {each.kind: each.columns for each in users.checks.findings(found.id).items}
    assert found.verdict == "drift"
    assert set(kinds) == {"changed", "extra"}
    assert kinds["changed"] == {"email": {"stored": "eve@example.org", "expected": "u1@example.org"}}


def test_a_user_who_is_not_projected_yet_is_no_drift(users: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_model_check, "PENDING_SECONDS", 0.1)  # nobody projects, so nobody waits for it
    gone = add(users, 5)
    users.projections.catch_up()
    users.mediator.send(DeleteUser(user_id=gone), Context(actor="ada"))
    add(users, 6)
    users.projections.pause("users", actor="ada")
    found = check(users)
    assert (found.verdict, found.pending, found.differing) == ("inconclusive", 2, 0)
    users.projections.resume("users", actor="ada")
    users.projections.catch_up()
    assert (check(users).verdict, check(users).pending) == ("none", 0)


def test_it_is_offered_only_where_it_is_declared(users: Runtime) -> None:
    assert ("full", "write_model") in users.checks_of("users")
    assert {reference for _, reference in users.checks_of("orders")} == {"log"}
    with pytest.raises(InvalidMessage, match="declares no write_model"):
        users.start_check("orders", actor="ada", reference="write_model")
    with pytest.raises(InvalidMessage, match="choose full"):
        users.start_check("users", actor="ada", level="sample", reference="write_model")
