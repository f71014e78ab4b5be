"""All connections of a process in use: said clearly, and over as soon as one is given back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from cqrs.errors import DatabaseUnavailable
from cqrs.store.database import Database
from tests.projections.library import append, joined
from tests.reliability.desk import Desk, run_to_end


@pytest.fixture
def exhausted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> ExitStack:
    """Somebody keeps every connection there may be; leaving gives them back."""
    run_to_end(desk.projections.runner("members", "worker"))
    held = ExitStack()
    monkeypatch.setattr(desk.main.engine.pool, "_timeout", 0.2)
    for _ in range(most_connections(desk.main)):
        held.enter_context(desk.main.engine.connect())
    return held


def most_connections(database: Database) -> int:
    pool = database.engine.pool
    left = pool.size() + pool._max_overflow - pool.checkedout()  # type: ignore[attr-defined]
    return int(left)


def test_it_is_said_and_then_it_is_over(desk: Desk, exhausted: ExitStack) -> None:
    with exhausted, pytest.raises(DatabaseUnavailable, match="all connections of this process are in use"):
        desk.events.head()
    assert desk.events.head() == 0


def test_a_projection_waits_and_goes_on_by_itself(desk: Desk, exhausted: ExitStack) -> None:
    runner = desk.projections.runner("members", "worker")
    with exhausted:
        outcome = runner.step()
        assert isinstance(outcome.error, DatabaseUnavailable)
        assert outcome.delay > 0
    append(desk.events, joined("m1"))
    run_to_end(runner)
    assert desk.rows() == desk.folded()
    assert desk.projections.parked("members").items == []
