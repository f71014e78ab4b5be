"""The page of the installation itself."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from cqrs.errors import DatabaseUnavailable
from cqrs.messages import Role
from cqrs.runtime import Runtime
from cqrs.settings import Settings
from cqrs.shown_settings import SHOWN, WITHHELD, shown_settings
from cqrs.store.order_report import WAITING_CAP, Holder, OrderReport
from cqrs.store.ordering import SHARED_LOCK
from cqrs.version import VERSION
from cqrs.workers.leases import Leases
from cqrs.workers.scheduler import LEASE
from tests.console.apps import ROOT, console_over
from tests.console.browser import Browser, Script, path_of
from tests.console.conftest import MakeApp, runtime_in
from tests.console.ledger import open_account, text_of


def report(**facts: Any) -> OrderReport:
    """An import that has held the order for 42 s, with 318 events behind it."""
    holder = Holder(
        transaction="3/42",
        pid=1234,
        application="<import>",
        user="shop",
        state="idle in transaction",
        prepared=None,
        age_seconds=42.0,
    )
    usual = {"head": 10_740, "safe_head": 10_422, "waiting": 318, "dead": 7, "held_seconds": 0.0, "holders": (holder,)}
    return OrderReport(**{**usual, **facts})


def test_workers_are_told_apart_with_their_signs_of_life(ana: Browser, runtime: Runtime) -> None:
    runtime.workers.beat("w1", host="alpha", pid=11)
    runtime.workers.beat("w2", host="beta", pid=22)
    with runtime.main.write() as connection:
        silent = (runtime.main.now(connection) - timedelta(minutes=3)).isoformat()
        connection.exec_driver_sql("UPDATE workers SET seen_at = ? WHERE id = 'w2'", (silent,))
    words = text_of(ana.get("/system"))
    assert "1 worker is alive, and readers may read the whole log." in words
    assert "1 alive, 1 silent" in words
    assert "alpha w1 alive 11" in words
    assert "beta w2 silent 22" in words
    assert "3 min ago" in words


def test_without_a_worker_the_page_says_so_and_what_to_do(viewer: Script) -> None:
    words = text_of(viewer.get("/system"))
    assert "No worker is alive." in words
    assert "make worker" in words
    assert "nobody: no schedule fires" in words


def test_who_holds_which_lease(ana: Browser, runtime: Runtime) -> None:
    runtime.workers.beat("w1", host="alpha", pid=11)
    assert Leases(runtime.main).acquire(LEASE, "w1", timedelta(seconds=15))
    open_account(runtime)
    runner = runtime.projections.runner("accounts", "w1")
    runner.step()
    words = text_of(ana.get("/system"))
    assert "holds the lease" in words
    assert "The scheduler w1 held" in words
    assert "accounts generation 1 w1 running 1" in words
    runner.release()


def test_the_database_its_tables_and_their_revisions(ana: Browser, runtime: Runtime) -> None:
    words = text_of(ana.get("/system"))
    assert re.search(r"log and read models .* SQLite 3\.", words)
    assert "main_0" in words
    assert "read_0" in words
    assert "expected" not in words
    assert str(runtime.main.path) in words
    with runtime.main.write() as connection:
        connection.exec_driver_sql("UPDATE projectionist_read_version SET version_num = 'read_0001_read_models'")
    assert "read_0001_read_models expected read_0" in text_of(ana.get("/system"))


def test_what_takes_the_room_in_a_database(ana: Browser, runtime: Runtime) -> None:
    words = text_of(ana.get("/system"))
    assert re.search(r"log [\d.]+ kB generations [\d.]+ kB", words), words
    assert re.search(r"key index [\d.]+ kB in 2 tables the rest [\d.]+ kB in \d+ tables", words), words
    assert re.search(r"\d+ in use, \d+ open", words), words


def test_versions_of_what_runs_here(ana: Browser) -> None:
    words = text_of(ana.get("/system"))
    assert f"Projectionist {VERSION}" in words
    assert f"SQLAlchemy {sa.__version__}" in words
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION


def test_a_read_database_that_is_away_is_said_so_and_the_rest_is_there(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**how: object) -> None:
        raise DatabaseUnavailable(database="read.db", why="it is gone")

    runtime.workers.beat("w1", host="alpha", pid=11)
    monkeypatch.setattr(runtime.projections, "statuses", away)
    page = ana.get("/system")
    assert page.status_code == 200
    words = text_of(page)
    assert "The read models cannot be read. The database read.db cannot be used: it is gone." in words
    assert "alpha" in words


# Settings


def test_settings_are_shown_without_secrets(make_app: MakeApp) -> None:
    app = make_app(
        ALERT_WEBHOOK_URL="https://hooks.example.com/T0/very-secret",
        PUBLIC_URL="https://console.example.com",
        READ_ONLY=True,
    )
    page = Script(app, Role.VIEWER).get("/system")
    body, words = page.get_data(as_text=True), text_of(page)
    assert "READ_ONLY on" in words
    assert "PUBLIC_URL https://console.example.com" in words
    assert "ALERT_WEBHOOK_URL set, never shown" in words
    for secret in ("very-secret", "kept in tests only"):
        assert secret not in body


def test_every_setting_is_either_shown_or_withheld_on_purpose() -> None:
    otherwise = {"root", "database_url", "read_database_url", "sources"}
    assert {each.name for each in dataclasses.fields(Settings)} == {*SHOWN, *WITHHELD, *otherwise}


def test_a_password_in_an_address_is_left_out(runtime: Runtime) -> None:
    settings = dataclasses.replace(runtime.settings, public_url="https://ana:pass@example.com/x?token=y", log_format="")
    shown = {each.name: each.value for each in shown_settings(settings)}
    assert shown["PUBLIC_URL"] == "https://example.com/x"
    assert shown["LOG_FORMAT"] == "not set"


# The order of the log


def test_on_sqlite_the_order_is_never_held(ana: Browser, runtime: Runtime) -> None:
    open_account(runtime)
    words = text_of(ana.get("/system"))
    assert "Head 1 Safe head 1 Events that wait 0" in words
    assert "the order is never held" in words


def test_who_holds_the_order_is_named_with_the_way_to_end_it(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.events, "order", report)
    page = ana.get("/system")
    words = text_of(page)
    assert "The order of the log is held at 10,422." in words
    assert "An append open for 42 s (pid 1234, <import>, idle in transaction) holds the order at 10,422" in words
    assert "318 events wait behind it." in words
    assert "Events that wait 318 Dead positions 7" in words
    assert "End its append… pid 1234" in words
    assert 'href="/system/holder?transaction=3/42"' in page.get_data(as_text=True)
    assert "<import>" not in page.get_data(as_text=True)


def test_before_an_append_is_ended_the_console_says_what_is_lost(
    ana: Browser, viewer: Script, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.events, "order", report)
    words = text_of(ana.get("/system/holder?transaction=3/42"))
    assert "End the append of pid 1234?" in words
    assert "Nothing that was acknowledged is lost." in words
    assert "318 events that readers may not have before it ends" in words
    assert "SELECT pg_terminate_backend(1234)" in words
    words = text_of(viewer.get("/system/holder?transaction=3/42"))
    assert "Ending it: refused: needs operator." in words
    assert "Let it go on" not in words


def test_what_no_longer_holds_the_order_cannot_be_ended(ana: Browser, runtime: Runtime) -> None:
    page = ana.get("/system/holder?transaction=9/9")
    assert page.status_code == 409
    assert "The transaction 9/9 does not hold the order of the log, or no longer does. Nothing was ended." in text_of(
        page
    )
    assert ana.post("/system/holder", {"transaction": "9/9"}).status_code == 409
    assert [(row.action, row.target, row.outcome) for row in runtime.audit.page(action="end-append").items] == [
        ("end-append", "9/9", "refused")
    ]


def test_many_events_are_not_counted_to_the_end(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.events, "order", lambda: report(waiting=WAITING_CAP))
    assert "10,000+" in text_of(ana.get("/system"))


def test_the_overview_says_when_readers_are_kept_waiting(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(runtime)
    runtime.workers.beat("w1", host="alpha", pid=11)
    runtime.projections.catch_up()
    monkeypatch.setattr(runtime.events, "order", report)
    page = ana.get("/")
    words = text_of(page)
    assert "The order of the log is held at 10,422. An append open for 42 s holds the order at 10,422" in words
    assert "318 events wait behind it, and no projection applies them before it ends." in words
    assert "Every event up to 10,422 is applied by accounts." in words
    assert "caught up" not in words
    assert 'href="/system#order"' in page.get_data(as_text=True)


def test_an_append_that_has_just_begun_alarms_nobody(
    ana: Browser, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_account(runtime)
    young = (dataclasses.replace(report().holders[0], age_seconds=0.2),)
    monkeypatch.setattr(runtime.events, "order", lambda: report(holders=young))
    assert "holds the order" not in text_of(ana.get("/"))
    assert "The order of the log is held" not in text_of(ana.get("/system"))
    assert "pid 1234" in text_of(ana.get("/system"))


# On PostgreSQL


@pytest.fixture
def on_postgres(tmp_path: Path, postgres_url: str) -> Iterator[Flask]:
    runtime = runtime_in(tmp_path, DATABASE_URL=postgres_url)
    runtime.init()
    app = console_over(runtime)
    yield app
    runtime.close()


@pytest.mark.postgres
def test_a_transaction_that_holds_the_order_is_found(on_postgres: Flask, postgres_url: str) -> None:
    runtime: Runtime = on_postgres.extensions["projectionist"].runtime
    viewer = Script(on_postgres, Role.VIEWER)
    open_account(runtime)
    assert "Nothing holds the order." in text_of(viewer.get("/system"))
    with psycopg.connect(postgres_url, application_name="nightly-import") as slow:
        slow.execute(f"SELECT {SHARED_LOCK}")
        slow.execute("SELECT nextval(pg_get_serial_sequence('events', 'position'))")
        open_account(runtime, "2")
        page = viewer.get("/system")
        words = text_of(page)
        assert f"pid {slow.info.backend_pid}" in words
        assert "nightly-import" in words
        assert "Head 3 Safe head 1 Events that wait 1" in words
        assert "Open for" in words
        slow.rollback()
    words = text_of(viewer.get("/system"))
    assert "Head 3 Safe head 3 Events that wait 0 Dead positions 1" in words
    assert "PostgreSQL 1" in words


@pytest.mark.postgres
def test_the_password_of_a_database_is_nowhere(on_postgres: Flask) -> None:
    runtime: Runtime = on_postgres.extensions["projectionist"].runtime
    runtime.main.engine.url = runtime.main.engine.url.set(password="hunter2")
    body = Script(on_postgres, Role.VIEWER).get("/system").get_data(as_text=True)
    assert "hunter2" not in body
    assert "postgresql://" in body


@pytest.mark.postgres
def test_an_operator_ends_the_append_that_holds_the_order(on_postgres: Flask, postgres_url: str) -> None:
    runtime: Runtime = on_postgres.extensions["projectionist"].runtime
    ben = Browser(on_postgres, "ben", Role.OPERATOR)
    with psycopg.connect(postgres_url, application_name="nightly-import") as slow:
        slow.execute(f"SELECT {SHARED_LOCK}")
        slow.execute("SELECT nextval(pg_get_serial_sequence('events', 'position'))")
        open_account(runtime)
        order = runtime.events.order()
        assert order is not None
        (holder,) = order.holders
        page = ben.get("/system/holder?" + urlencode({"transaction": holder.transaction}))
        assert f"End the append of pid {slow.info.backend_pid}?" in text_of(page)
        answer = ben.post("/system/holder", {"transaction": holder.transaction, "reason": "it hangs"})
        assert path_of(answer) == "/system"
        with pytest.raises(psycopg.OperationalError):
            slow.execute("SELECT 1")
    assert "Head 2 Safe head 2 Events that wait 0" in text_of(ben.get("/system"))
    (row,) = runtime.audit.page(action="end-append").items
    assert (row.actor, row.target, row.reason, row.outcome) == ("ben", f"pid {holder.pid}", "it hangs", "done")
    again = ben.post("/system/holder", {"transaction": holder.transaction})
    assert again.status_code == 409


@pytest.mark.postgres
def test_a_program_ends_it_as_well(on_postgres: Flask, postgres_url: str) -> None:
    runtime: Runtime = on_postgres.extensions["projectionist"].runtime
    viewer, operator = Script(on_postgres, Role.VIEWER), Script(on_postgres, Role.OPERATOR)
    ended_by_force = suppress(psycopg.OperationalError)
    with ended_by_force, psycopg.connect(postgres_url, application_name="nightly-import") as slow:
        slow.execute(f"SELECT {SHARED_LOCK}")
        slow.execute("SELECT nextval(pg_get_serial_sequence('events', 'position'))")
        open_account(runtime)
        told = viewer.get("/api/system").get_json()["log"]
        assert (told["head"], told["safe_head"], told["order"]["waiting"]) == (2, 0, 1)
        (holder,) = told["order"]["holders"]
        transaction = {"transaction": holder["transaction"]}
        assert viewer.post("/api/system/end-append", transaction).status_code == 403
        assert operator.post("/api/system/end-append", {}).status_code == 422
        ended = operator.post("/api/system/end-append", transaction)
        assert (ended.status_code, ended.get_json()["ended"]["pid"]) == (200, slow.info.backend_pid)
    gone = operator.post("/api/system/end-append", transaction)
    assert (gone.status_code, gone.get_json()["error"]["code"]) == (409, "order_not_held")


def test_programs_get_the_same(viewer: Script, runtime: Runtime) -> None:
    runtime.workers.beat("w1", host="alpha", pid=11)
    open_account(runtime)
    told = viewer.get("/api/system").get_json()
    assert told["log"] == {"head": 1, "safe_head": 1, "order": None}
    assert [(each["id"], each["silent"]) for each in told["workers"]] == [("w1", False)]
    assert told["scheduler"] is None
    assert told["projections"][0]["name"] == "accounts"
    assert told["databases"][0]["kind"] == "SQLite"
    assert told["settings"]["SECRET_KEY"]["value"] == "set, never shown"
    assert told["versions"]["Projectionist"] == VERSION
