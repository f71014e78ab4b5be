"""Looking changes nothing: no address that is read writes a word."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from flask import Flask

from cqrs.messages import Role
from cqrs.runtime import Runtime
from tests import route_walk
from tests.console.browser import Browser, Script
from tests.console.ledger import deposit, open_account

#: When somebody was here last is noted because they looked.
NOTED = {"sessions", "tokens"}


@pytest.fixture
def busy(runtime: Runtime) -> Runtime:
    open_account(runtime)
    deposit(runtime, "2.50")
    runtime.projections.catch_up()
    runtime.start_check("accounts", actor="ana")
    return runtime


def stored(runtime: Runtime) -> Mapping[str, object]:
    """All rows of all tables."""
    found: dict[str, object] = {}
    for database in {runtime.main, runtime.read}:
        with database.read() as connection:
            for table in sa.inspect(connection).get_table_names():
                if table not in NOTED:
                    found[table] = connection.exec_driver_sql(f'SELECT * FROM "{table}"').fetchall()
    return found


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_no_address_that_is_read_writes(app: Flask, busy: Runtime, role: Role) -> None:
    script = Script(app, role)
    before = stored(busy)
    assert len(before) > 15
    for address in [*route_walk.pages(app, busy, 2), *route_walk.answers(app, busy, 2)]:
        for method in ("GET", "HEAD", "OPTIONS"):
            assert script.open(address, method).status_code < 500, address
        assert script.get(address, headers={"HX-Request": "true"}).status_code < 500, address
    assert stored(busy) == before


def test_nor_does_a_person_who_looks_around(app: Flask, busy: Runtime) -> None:
    ana = Browser(app, "ana", Role.OPERATOR)
    before = stored(busy)
    for address in route_walk.pages(app, busy, 1):
        ana.get(address)
    assert stored(busy) == before
