"""Fixtures that every test package may use. With REQUIRE_ALL=1 a skipped test fails, and says why it was skipped."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs.operators import tables as _operators  # noqa: F401
from cqrs.store.database import Database, open_database
from cqrs.store.tables import main
from cqrs.workers import tables as _workers  # noqa: F401

pytest_plugins = ["tests.postgres"]

DatabaseFactory = Callable[..., Database]


@pytest.fixture
def new_database(tmp_path: Path) -> Iterator[DatabaseFactory]:
    """Opens main databases with all their tables, by file name; the same name twice is the same file."""
    opened: list[Database] = []

    def open_named(name: str = "main.db") -> Database:
        database = open_database(f"sqlite:///{name}", root=tmp_path)
        with database.write() as connection:
            main.create_all(connection)
        opened.append(database)
        return database

    yield open_named
    for database in opened:
        database.dispose()


@pytest.fixture
def database(new_database: DatabaseFactory) -> Database:
    """A main database with all its tables."""
    return new_database()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _required(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _required(report)


def _required(report: Any) -> Any:
    """An expected failure also reports itself as skipped; that one stays."""
    if report.skipped and os.environ.get("REQUIRE_ALL") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report
