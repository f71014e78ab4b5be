"""Fixtures that every test package may use. With REQUIRE_ALL=1 a skipped test fails, and says why it was skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs.store.database import Database, open_database
from cqrs.store.schema import MAIN, upgrade

pytest_plugins = ["tests.postgres"]

DatabaseFactory = Callable[..., Database]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A main database that went through all migrations; tests copy it, which is faster than migrating each."""
    root = tmp_path_factory.mktemp("migrated")
    database = open_database("sqlite:///main.db", root=root)
    upgrade(database, MAIN)
    database.dispose()
    return root / "main.db"


@pytest.fixture
def new_database(tmp_path: Path, migrated_file: Path) -> Iterator[DatabaseFactory]:
    """Opens main databases with all their tables, by file name; the same name twice is the same file."""
    opened: list[Database] = []

    def open_named(name: str = "main.db") -> Database:
        if not (tmp_path / name).exists():
            shutil.copyfile(migrated_file, tmp_path / name)
        opened.append(open_database(f"sqlite:///{name}", root=tmp_path))
        return opened[-1]

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
