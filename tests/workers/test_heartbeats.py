"""Signs of life."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cqrs.store.database import Database
from cqrs.workers import tables
from cqrs.workers.heartbeats import SILENT_AFTER, Workers
from tests.operators.aging import age


@pytest.fixture
def workers(database: Database) -> Workers:
    return Workers(database)


def test_a_worker_that_beats_is_alive(workers: Workers) -> None:
    assert workers.alive() == []
    workers.beat("a", host="here", pid=7)
    workers.beat("a", host="here", pid=7)
    (found,) = workers.alive()
    assert (found.id, found.host, found.pid) == ("a", "here", 7)
    assert 0 <= found.seen_seconds < 5


def test_a_silent_worker_is_not_and_comes_back_with_its_next_beat(workers: Workers, database: Database) -> None:
    workers.beat("a", host="here", pid=7)
    started = workers.alive()[0].started_at
    age(database, tables.workers, SILENT_AFTER + timedelta(seconds=1))
    assert workers.alive() == []
    assert [(known.id, known.silent) for known in workers.known()] == [("a", True)]
    workers.beat("a", host="here", pid=7)
    assert workers.alive()[0].started_at < started
    assert not workers.known()[0].silent


def test_a_worker_that_left_is_gone_at_once(workers: Workers) -> None:
    workers.beat("a", host="here", pid=7)
    workers.left("a")
    assert workers.alive() == []


def test_workers_silent_for_a_day_are_forgotten(workers: Workers, database: Database) -> None:
    workers.beat("a", host="here", pid=7)
    age(database, tables.workers, timedelta(days=1, seconds=1))
    workers.beat("b", host="here", pid=8)
    assert workers.prune() == 1
    assert [found.id for found in workers.alive()] == ["b"]
