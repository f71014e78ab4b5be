"""A projection made by statements is said to be one, with all of its tables."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from cqrs.console import create_console
from cqrs.domain import Domain
from cqrs.messages import Event, Role, event
from cqrs.projections.sql_projection import SqlProjection
from cqrs.runtime import Runtime
from tests.conftest import RuntimeFactory
from tests.console.browser import Browser
from tests.console.conftest import ROOT
from tests.console.ledger import links_of, text_of
from tests.contracts.event_store import happened

visits = sa.Table("visits", sa.MetaData(), sa.Column("n", sa.BigInteger, primary_key=True), sa.Column("town", sa.Text))
towns = sa.Table("towns", sa.MetaData(), sa.Column("town", sa.Text, primary_key=True))


@event("Visited")
class Visited(Event):
    town: str


class Visits(SqlProjection):
    """Every visit, and the towns there were."""

    tables = (visits, towns)
    events = (Visited,)

    def handle(connection: sa.Connection, event: Visited, tables: Any, meta: Any) -> None:
        connection.execute(sa.insert(tables["visits"]).values(n=meta.position, town=event.town))
        connection.execute(sa.insert(tables["towns"]).values(town=event.town))


@pytest.fixture
def travelled(new_runtime: RuntimeFactory) -> Runtime:
    runtime = new_runtime(Domain("travel", events=[Visited], projections=[Visits]))
    runtime.init()
    runtime.events.append("trip-1", [happened("Visited", data={"town": "Ulm"})])
    runtime.projections.catch_up()
    return runtime


@pytest.fixture
def ben(travelled: Runtime) -> Browser:
    app = Flask("console", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    create_console(app, travelled)
    return Browser(app, "ben", Role.OPERATOR)


def test_its_page_names_its_tables_and_what_there_is_not(ben: Browser) -> None:
    page = ben.get("/projections/visits")
    words = text_of(page)
    assert "visits running generation 1 SQL projection" in words
    assert "SQL statements on visits , towns ; nothing of it is parked, explained or repaired" in words
    assert "Visited v1 handle 1" in words
    assert {"/read-models/visits", "/read-models/towns"} <= set(links_of(page))


def test_each_table_is_a_read_model_without_positions(ben: Browser) -> None:
    assert "towns table of visits, generation 1" in text_of(ben.get("/read-models"))
    words = text_of(ben.get("/read-models/towns"))
    assert "A table of visits." in words
    assert "Ulm" in words
    assert "last event" not in words


def test_the_overview_shows_it_among_the_others(ben: Browser) -> None:
    assert "visits 1 row" in text_of(ben.get("/"))
