"""A projection made by statements is said to be one, with all of its tables."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from cqrs.domain import Domain
from cqrs.messages import Event, Role, event
from cqrs.projections.sql_projection import SqlProjection
from cqrs.runtime import Runtime
from cqrs.workers.operation_runner import OperationRunner
from tests.conftest import RuntimeFactory
from tests.console.apps import console_over
from tests.console.browser import Browser
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
    app = console_over(travelled)
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


def test_it_is_checked_by_schedule_each_night_and_by_hand(ben: Browser, travelled: Runtime) -> None:
    found = [each for each in travelled.schedules.all() if each.schedule.projection == "visits"]
    assert [(each.schedule.id, each.on) for each in found] == [("check-visits-full", True)]
    page = ben.get("/drift")
    assert "/schedules/check-visits-full" in links_of(page)
    assert 'name="way" value="full/log"' in page.get_data(as_text=True)
    assert 'action="/projections/visits/checks"' in ben.get("/").get_data(as_text=True)
    words = text_of(ben.get("/schedules/check-visits-full"))
    assert "It compares all rows with the log, every night at 02:00 UTC." in words


def test_its_rows_say_that_only_a_check_of_all_can_tell(ben: Browser) -> None:
    page = ben.get("/read-models/towns/rows/Ulm")
    assert "Check it in full, or replay it: all its rows are made anew and compared. Check all of its rows" in text_of(
        page
    )
    assert "/projections/visits" in links_of(page)
    assert "Repair row" not in text_of(page)


def test_it_is_checked_in_full_and_what_differs_in_each_table_is_shown(ben: Browser, travelled: Runtime) -> None:
    with travelled.read.write() as connection:
        connection.exec_driver_sql("UPDATE towns__g1 SET town = 'Bonn'")
    assert "Check for drift" in text_of(ben.get("/projections/visits"))
    asked = travelled.start_check("visits", actor="ben")
    OperationRunner(travelled.operations, travelled.operation_handlers, "worker").step()
    check = travelled.checks.of_operation(asked.id)
    assert check is not None
    assert (check.verdict, check.missing, check.extra) == ("drift", 1, 1)
    words = text_of(ben.get(f"/drift/checks/{check.id}"))
    assert "towns: Bonn" in words
    assert "towns: Ulm" in words
    assert "Repair selected" not in words
    assert "so a replay makes all of them anew" in words
    assert "visits" in text_of(ben.get("/drift"))


def test_what_a_replay_found_to_differ_in_each_table_leads_to_no_row_of_the_first(
    ben: Browser, travelled: Runtime
) -> None:
    with travelled.read.write() as connection:
        connection.exec_driver_sql("UPDATE towns__g1 SET town = 'Bonn'")
    asked = travelled.start_replay("visits", actor="ben", review=True)
    OperationRunner(travelled.operations, travelled.operation_handlers, "worker").step()
    page = ben.get(f"/operations/{asked.id}")
    assert "towns: Ulm" in text_of(page)
    assert not [link for link in links_of(page) if "/rows/" in link]
