"""Fixtures that every test package may use. With REQUIRE_ALL=1 a skipped test fails, and says why it was skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import argon2
import pytest
from hypothesis import HealthCheck, settings

from cqrs.domain import Domain, load_domains
from cqrs.runtime import Runtime, build_runtime
from cqrs.settings import load_settings
from cqrs.store.database import Database
from cqrs.store.opening import open_database
from cqrs.store.schema import MAIN, READ, upgrade
from tests.postgres import create_database, drop_database

# The same examples each time, on a machine however slow. A test may make its own database for each of them.
ALLOWED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("certain", deadline=None, derandomize=True, suppress_health_check=ALLOWED)
settings.load_profile("certain")

DatabaseFactory = Callable[..., Database]
RuntimeFactory = Callable[..., Runtime]


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as ever, but at the least cost there is: nobody is to be kept from guessing here."""
    cheapest = partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(argon2, "PasswordHasher", cheapest)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that went through all migrations; tests copy it, which is faster than migrating each."""
    root = tmp_path_factory.mktemp("migrated")
    database = open_database("sqlite:///main.db", root=root)
    upgrade(database, MAIN)
    upgrade(database, READ)
    database.dispose()
    return root / "main.db"


@pytest.fixture(scope="session")
def migrated_template() -> Iterator[str]:
    """The same on PostgreSQL: the name of a database that tests copy."""
    url = create_database()
    database = open_database(url, root=Path())
    upgrade(database, MAIN)
    upgrade(database, READ)
    name = str(database.engine.url.database)
    database.dispose()
    yield name
    drop_database(url)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """The URL of an empty PostgreSQL database that only this test sees."""
    url = create_database()
    yield url
    drop_database(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def dialect(request: pytest.FixtureRequest) -> str:
    """The kind of database that `database` and `new_database` are of: a test that asks for one runs on each."""
    return str(request.param)


@pytest.fixture
def new_database(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DatabaseFactory]:
    """Opens databases with all tables of the log and of projections, by name; the same name is the same database."""
    urls: dict[str, str] = {}
    opened: list[Database] = []

    def create(name: str) -> str:
        if dialect == "postgresql":
            return create_database(request.getfixturevalue("migrated_template"))
        shutil.copyfile(request.getfixturevalue("migrated_file"), tmp_path / name)
        return f"sqlite:///{name}"

    def open_named(name: str = "main.db") -> Database:
        if name not in urls:
            urls[name] = create(name)
        opened.append(open_database(urls[name], root=tmp_path))
        return opened[-1]

    yield open_named
    for database in opened:
        database.dispose()
    for url in urls.values() if dialect == "postgresql" else ():
        drop_database(url)


@pytest.fixture
def database(new_database: DatabaseFactory) -> Database:
    """A database with all tables of the log and of projections."""
    return new_database()


@pytest.fixture
def new_runtime(tmp_path: Path) -> Iterator[RuntimeFactory]:
    """Makes runtimes of the example, or of other domains, over SQLite files of this test; without tables yet.

    Keyword arguments are settings.
    """
    made: list[Runtime] = []

    def make(*domains: Domain, **settings: object) -> Runtime:
        overrides = {"DEMO": False, "SECRET_KEY": "a long key that only these tests sign with", **settings}
        loaded = load_settings({}, root=tmp_path, overrides=overrides)
        made.append(build_runtime(loaded, domains or load_domains(loaded.domains)))
        return made[-1]

    yield make
    for runtime in made:
        runtime.close()


@pytest.fixture
def migrated_instance(migrated_file: Path, tmp_path: Path) -> Path:
    """Where runtimes of this test find their database: `init` has little left to do."""
    instance = tmp_path / "instance"
    instance.mkdir(mode=0o700)
    shutil.copyfile(migrated_file, instance / "projectionist.db")
    return instance


@pytest.fixture
def runtime(migrated_instance: Path, new_runtime: RuntimeFactory) -> Runtime:
    """The example domain over an empty log, all tables made; nothing runs but what the test starts."""
    runtime = new_runtime()
    runtime.init()
    return runtime


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
