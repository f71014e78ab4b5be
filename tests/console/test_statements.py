"""What a page asks of its database: bounds that a change which asks once more has to raise in the open."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest
import sqlalchemy as sa

from cqrs.messages import Context, Role
from cqrs.runtime import Runtime
from tests.console.apps import console_over
from tests.console.bank import Deposit, OpenAccount
from tests.console.browser import Browser
from tests.console.conftest import runtime_in

#: Of each page, how often it takes a connection, and how many statements it executes.
PAGES = {
    "/events": (9, 8),
    "/events?before=3": (9, 8),
    "/": (22, 31),
    "/projections/accounts": (19, 24),
    "/read-models/accounts": (8, 10),
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    given = {} if request.param == "sqlite" else {"DATABASE_URL": request.getfixturevalue("postgres_url")}
    runtime = runtime_in(tmp_path, **given)
    runtime.init()
    yield runtime
    runtime.close()


@contextmanager
def counted(runtime: Runtime) -> Iterator[Counter[str]]:
    """Connections taken and statements executed meanwhile, also those that go past SQLAlchemy."""
    counts: Counter[str] = Counter()
    execute = psycopg.Cursor.execute

    def traced(statement: str) -> None:
        counts["statements"] += not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK"))

    def executed(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        counts["statements"] += 1
        return execute(cursor, query, *arguments, **options)

    def taken(connection: Any, _record: Any, _proxy: Any) -> None:
        counts["connections"] += 1
        if runtime.main.dialect == "sqlite":
            connection.set_trace_callback(traced)

    sa.event.listen(runtime.main.engine, "checkout", taken)
    with mock.patch.object(psycopg.Cursor, "execute", executed):
        yield counts
    sa.event.remove(runtime.main.engine, "checkout", taken)


def test_pages_ask_no_more_than_they_need(runtime: Runtime) -> None:
    app = console_over(runtime)
    reader = Browser(app, "ana", Role.VIEWER)
    for command in (OpenAccount(account_id="1", owner="Ada"), Deposit(account_id="1", amount=Decimal("5.00"))):
        runtime.mediator.send(command, Context(actor="ana"))
    runner = runtime.projections.runner("accounts", "worker-1")
    while not runner.step().is_tail:
        pass
    asked = {}
    for page in PAGES:
        assert reader.get(page).status_code == 200
        with counted(runtime) as counts:
            reader.get(page)
        asked[page] = (counts["connections"], counts["statements"])
    over = {page: asked[page] for page, most in PAGES.items() if any(map(operator.gt, asked[page], most))}
    assert not over
